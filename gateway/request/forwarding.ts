import { headerValue, stripHopByHop } from '#shared/contract/headers.ts';
import type { HttpReply } from '#shared/contract/http.ts';

/**
 * The headers of a reply as they go to the client: hop-by-hop ones stripped, and one `Content-Length` that is true.
 * The length of an answer to HEAD, and of 304, is what the replica says: it speaks of the body that is not there.
 * 204 has none (RFC 9110 8.6); 205 has 0, by which the client knows its end.
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
  // It may have leading zeros (RFC 9110 8.6).
  const isTrue = /^\d+$/.test(stated) && Number(stated) === length;
  return isTrue ? headers : others.concat('Content-Length', String(length));
}

function withoutLength(headers: readonly string[]): string[] {
  return headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== 'content-length');
}
