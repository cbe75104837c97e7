import type { IncomingMessage } from 'node:http';
import { headerValue, stripHopByHop } from '#shared/contract/headers.ts';
import type { HttpReply } from '#shared/contract/http.ts';

/**
 * The target in origin form (RFC 9112 3.2.1); a client may also send the absolute form, as to a proxy.
 */
export function originForm(url: string): string {
  if (url.startsWith('/') || url === '*') return url;
  const scheme = /^https?:\/\//i.exec(url)?.[0];
  if (scheme === undefined) return url;
  const authority = /^[^/?#]*/.exec(url.slice(scheme.length))?.[0] ?? '';
  const path = url.slice(scheme.length + authority.length);
  return path.startsWith('/') ? path : `/${path}`;
}

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

/** @returns what is wrong with a request's `Host`, if anything: exactly one is right (RFC 9112 3.2). */
export function hostFault(raw: IncomingMessage): string | undefined {
  const { rawHeaders, httpVersion } = raw;
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts > 1) return 'The request has more than one Host.';
  return hosts === 0 && httpVersion === '1.1' ? 'The request has no Host.' : undefined;
}
