import { headerValue, stripHopByHop } from '#shared/contract/headers.ts';
import type { HttpReply } from '#shared/contract/http.ts';
import type { ReplyHead } from '#shared/contract/reply.ts';

/**
 * Makes the headers of a reply as they go to the client: without hop-by-hop fields, and with one correct
 * `Content-Length`. An answer to HEAD, and 304, keep the length that the replica gave: it is that of the body
 * that is left out. 204 has none (RFC 9110 8.6). 205 has 0, so that the client knows where it ends.
 */
export function replyHeaders(method: string, reply: HttpReply): string[] {
  const headers = stripHopByHop(reply.headers);
  if (reply.status === 204) return withoutLength(headers);
  const bodiless = (method === 'HEAD' || reply.status === 304) && reply.body.length === 0;
  if (bodiless) return headers;
  const { length } = reply.body;
  const others = withoutLength(headers);
  const one = others.length === headers.length - 2;
  const stated = one ? (headerValue(headers, 'content-length') ?? '') : '';
  // A length may have leading zeros (RFC 9110 8.6).
  const isCorrect = /^\d+$/.test(stated) && Number(stated) === length;
  return isCorrect ? headers : others.concat('Content-Length', String(length));
}

/** The headers of a stream as they go to its client. */
export interface StreamHeaders {
  readonly headers: readonly string[];
  /** How many bytes follow, if the headers say so. */
  readonly length: number | undefined;
}

/**
 * Makes the headers of an answer whose bytes follow: without hop-by-hop fields, and with at most one
 * `Content-Length`. Without one, the bytes go in chunks, or until the end of the connection.
 */
export function streamHeaders(method: string, { status, headers: sent }: ReplyHead): StreamHeaders {
  const headers = stripHopByHop(sent);
  const others = withoutLength(headers);
  const hasBody = method !== 'HEAD' && status !== 204 && status !== 304;
  if (!hasBody) return { headers: status === 204 ? others : headers, length: undefined };
  const one = others.length === headers.length - 2;
  const stated = one ? (headerValue(headers, 'content-length') ?? '') : '';
  const length = /^\d+$/.test(stated) ? Number(stated) : Number.NaN;
  if (!Number.isSafeInteger(length)) return { headers: others, length: undefined };
  return { headers, length };
}

function withoutLength(headers: readonly string[]): string[] {
  return headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== 'content-length');
}
