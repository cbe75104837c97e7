import { problemDetails } from './errors.ts';
import type { ProblemCode } from './errors.ts';
import type { HttpReply } from './http.ts';

/**
 * @param detail what happened this time.
 * @returns a problem (RFC 9457) as a reply that a worker sends.
 */
export function problemReply(code: ProblemCode, detail: string): HttpReply {
  const details = problemDetails(code, detail);
  const body = Buffer.from(JSON.stringify(details));
  return {
    problem: code,
    status: details.status,
    headers: ['content-type', 'application/problem+json', 'content-length', String(body.byteLength)],
    body,
  };
}
