import { headerValue, stripHopByHop } from '#shared/contract/headers.ts';
import type { HttpReply } from '#shared/contract/http.ts';

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

function withoutLength(headers: readonly string[]): string[] {
  return headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== 'content-length');
}
