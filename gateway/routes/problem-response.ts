import { STATUS_CODES } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { catalogue, problemDetails, retryAfterSeconds } from '#shared/errors.ts';
import type { Problem, ProblemCode } from '#shared/errors.ts';

export const problemType = 'application/problem+json';

/** @returns `Retry-After` for a 503, nothing for other statuses. */
function retryAfter(status: number): string[] {
  return status === 503 ? ['Retry-After', String(retryAfterSeconds)] : [];
}

/**
 * Answers with a problem (RFC 9457). A client whose body was not read to its end is disconnected.
 * @param headers names and values in turn, beside those of the problem.
 */
export function writeProblem(
  response: ServerResponse,
  problem: Problem,
  headers: readonly string[] = [],
): void {
  if (response.headersSent || response.closed) {
    response.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify(problem.details));
  const unread = !response.req.complete;
  response.writeHead(problem.status, [
    'Content-Type',
    problemType,
    'Content-Length',
    String(body.length),
    ...retryAfter(problem.status),
    ...(unread ? ['Connection', 'close'] : []),
    ...headers,
  ]);
  response.end(body);
}

/** Answers with a problem where there is no response object: a request that could not be parsed, CONNECT, an upgrade. */
export function writeProblemTo(socket: Duplex, code: ProblemCode, detail: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { status } = catalogue[code];
  const body = JSON.stringify(problemDetails(code, detail));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: ${problemType}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
