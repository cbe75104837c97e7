import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import { headerValue, stripHopByHop } from '#shared/contract/headers.ts';
import type { HttpReply } from '#shared/contract/http.ts';

const via = 'ringpost';

/**
 * The headers of a request as they go to the replica: hop-by-hop ones stripped, `Via` (RFC 9110 7.6.3) and `Forwarded`
 * (RFC 7239) added, `Host` kept, `Content-Length` that of the body.
 */
export function requestHeaders(raw: IncomingMessage, ip: string): string[] {
  const headers = stripHopByHop(raw.rawHeaders);
  headers.push('Via', `${raw.httpVersion} ${via}`, 'Forwarded', forwarded(ip, headerValue(headers, 'host')));
  return headers;
}

function forwarded(ip: string, host: string | undefined): string {
  const node = isIPv6(ip) ? `"[${ip}]"` : ip || 'unknown';
  const quoted = host === undefined ? '' : `;host="${host.replaceAll(/["\\]/g, '\\$&')}"`;
  return `for=${node}${quoted};proto=http`;
}

/**
 * The target in origin form (RFC 9112 3.2.1); a client may also send the absolute form, as to a proxy.
 */
export function originForm(url: string): string {
  if (url.startsWith('/') || url === '*') return url;
  const path = /^https?:\/\/[^/?#]*(.*)$/i.exec(url)?.[1];
  if (path === undefined) return url;
  return path.startsWith('/') ? path : `/${path}`;
}

/** Statuses whose answers have no body and so no length (RFC 9110 8.6). */
const withoutLength = new Set([204, 205]);

/**
 * The headers of a reply as they go to the client: hop-by-hop ones stripped, and a `Content-Length` that is true.
 * The length of an answer to HEAD, and of 304, is what the replica says: it speaks of the body that is not there.
 */
export function replyHeaders(method: string, reply: HttpReply): string[] {
  const headers = stripHopByHop(reply.headers);
  const bodiless = (method === 'HEAD' || reply.status === 304) && reply.body.length === 0;
  const stated = headerValue(headers, 'content-length');
  if (bodiless) return headers;
  const length = withoutLength.has(reply.status) ? undefined : String(reply.body.length);
  if (stated === length) return headers;
  const mended = headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== 'content-length');
  if (length !== undefined) mended.push('Content-Length', length);
  return mended;
}
