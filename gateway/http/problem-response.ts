import type { IncomingMessage, ServerResponse } from 'node:http';
import { catalogue, problemDetails, retryAfterSeconds } from '#shared/contract/errors.ts';
import type { Problem, ProblemCode } from '#shared/contract/errors.ts';
import { http } from '#shared/contract/node-http.ts';
import { noteBody, noteProblem, noteWhole } from './answer.ts';

export const problemType = 'application/problem+json';

/** @returns `Retry-After` for a 503, nothing for other statuses. */
function retryAfter(status: number): string[] {
  return status === 503 ? ['Retry-After', String(retryAfterSeconds)] : [];
}

/** @returns whether a request has a body that has not arrived whole. */
export function isUnread({ complete, headers }: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = headers;
  return !complete && (coding !== undefined || length !== '0');
}

/** How long to discard what the client still sends, in ms. */
const lingerMs = 2000;

/**
 * Answers with a problem (RFC 9457). If the body of the request was not read to its end, the connection
 * closes once the client has sent the rest, or its time for that is over. Closing with unread bytes would
 * reset the connection, and the client could lose the answer (RFC 9112 9.6).
 * @param headers alternating names and values, besides those of the problem.
 */
export function writeProblem(
  response: ServerResponse,
  problem: Problem,
  headers: readonly string[] = [],
): void {
  noteProblem(response, problem);
  if (response.headersSent || response.closed) {
    response.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify(problem.details));
  noteBody(response, body.length);
  const request = response.req;
  const unread = isUnread(request);
  response.writeHead(problem.status, [
    'Content-Type',
    problemType,
    'Content-Length',
    String(body.length),
    ...retryAfter(problem.status),
    ...(unread ? ['Connection', 'close'] : []),
    ...headers,
  ]);
  if (!unread) {
    response.end(body);
    return;
  }
  response.write(body, (error) => {
    if (!error) noteWhole(response);
  });
  if (request.socket.readableEnded) {
    response.end();
    return;
  }
  const timer = setTimeout(() => response.end(), lingerMs);
  response.once('close', () => clearTimeout(timer));
  request.once('close', () => response.end());
  request.resume();
}

/** @returns a complete answer, the last one on its connection. */
export function problemMessage(code: ProblemCode, detail: string): string {
  const { status } = catalogue[code];
  const body = JSON.stringify(problemDetails(code, detail));
  return (
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? ''}\r\nContent-Type: ${problemType}\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nDate: ${new Date().toUTCString()}\r\n` +
    `Connection: close\r\n\r\n${body}`
  );
}
