import type { IncomingMessage, ServerResponse } from 'node:http';
import { http } from '#shared/contract/node-http.ts';
import { isSecretField } from '#shared/contract/redaction.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import { Problem } from '#shared/contract/errors.ts';

/** The highest number that is passed on. */
const maxForwards = 2 ** 31 - 1;

/** The methods of requests. CONNECT is answered elsewhere. */
export const allowedMethods = http.METHODS.filter((method) => method !== 'CONNECT').join(', ');

/**
 * Counts down `Max-Forwards` (RFC 9110 7.6.2), which only OPTIONS and TRACE have.
 * @param headers alternating names and values; the new value is written there.
 * @returns whether the request ends here, since it may no longer be passed on.
 * @throws {Problem} `request_malformed` if the field occurs twice, or is not a number.
 */
export function endsHere(method: string, headers: string[]): boolean {
  if (method !== 'OPTIONS' && method !== 'TRACE') return false;
  const places = [...headers.keys()].filter((at) => at % 2 === 0 && isMaxForwards(headers[at] ?? ''));
  const [at] = places;
  if (at === undefined) return false;
  const value = headers[at + 1] ?? '';
  if (places.length > 1 || !/^\d+$/.test(value)) {
    throw new Problem('request_malformed', 'Max-Forwards must be one whole number.');
  }
  const left = Number(value);
  headers[at + 1] = String(Math.min(left - 1, maxForwards));
  return left === 0;
}

function isMaxForwards(name: string): boolean {
  return name.length === 12 && name.toLowerCase() === 'max-forwards';
}

/**
 * Answers OPTIONS or TRACE in place of a replica. A TRACE gets its own head back, without the secret fields
 * (RFC 9110 9.3.8).
 * @param target as it was received.
 */
export function answerHere(
  raw: IncomingMessage,
  target: string,
  response: ServerResponse,
  redaction: Redaction,
): void {
  if (raw.method === 'OPTIONS') {
    response.writeHead(200, ['Allow', allowedMethods, 'Content-Length', '0']);
    response.end();
    return;
  }
  const { rawHeaders } = raw;
  const lines = [`TRACE ${target} HTTP/${raw.httpVersion}`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (!isSecretField(name, redaction)) lines.push(`${name}: ${rawHeaders[at + 1] ?? ''}`);
  }
  const body = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  response.writeHead(200, ['Content-Type', 'message/http', 'Content-Length', String(body.length)]);
  response.end(body);
}
