import { headerValue } from '#shared/contract/headers.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import { lazyRequest, nativeRequest } from './lazy/request.ts';

const EMPTY = new Uint8Array(0);
const FALLBACK_HOST = 'localhost';
/**
 * The length of the longest host and port: a name has 253 characters (RFC 1035), which may all be
 * percent-encoded.
 */
const HOST_LIMIT = 3 * 253 + ':65535'.length;
/**
 * uri-host [ ":" port ] of RFC 9110 7.2: no user, no path, nothing that would change where the URL's parts
 * end.
 */
const HOST = /^(?:[\w.~!$&'()*+,;=%-]+|\[[\da-fA-F:.]+\])(?::\d*)?$/;
/** Methods that the Fetch Standard forbids in a Request. */
const FORBIDDEN_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** Whether a Fetch `Request` may carry the method (Fetch Standard, "forbidden method"). */
export function canBeFetchRequest(method: string): boolean {
  return !FORBIDDEN_METHODS.has(method.toUpperCase());
}

/** A path and query that the URL Standard leaves as they are. */
const PLAIN_TARGET = /^\/[\w.~!$&()*+,;=:@%/?-]*$/;
/** Finds what may be a segment `.` or `..`, which stands for another place. */
const DOT_SEGMENT = /\/(?:\.|%2e)/i;

/** @returns the origin of a Host; that of `localhost` if it is missing, malformed, or impossible in a URL. */
function originOf(host: string | undefined): string {
  const isHost = host !== undefined && host.length <= HOST_LIMIT && HOST.test(host);
  const url = isHost ? URL.parse(`http://${host}/`) : null;
  return url?.origin ?? `http://${FALLBACK_HOST}`;
}

/** The last origin: almost all requests of a replica have the same Host. */
let latest: { readonly host: string | undefined; readonly origin: string } | undefined;

/** @returns the URL as the URL Standard writes it; `*` becomes `/*`. */
function urlOf(host: string | undefined, target: string): string {
  if (latest === undefined || latest.host !== host) latest = { host, origin: originOf(host) };
  if (PLAIN_TARGET.test(target) && !DOT_SEGMENT.test(target)) return latest.origin + target;
  return new URL(latest.origin + (target.startsWith('/') ? target : `/${target}`)).href;
}

/**
 * Makes a `Request` of the Fetch Standard. Repeated headers are appended. GET and HEAD lose their body, which
 * a `Request` cannot have.
 * @param signal becomes the request's own signal; its clones have another one.
 * @throws {TypeError} if {@link canBeFetchRequest} is false, but only when the native request is needed.
 */
export function toFetchRequest({ method, target, headers, body }: HttpRequest, signal: AbortSignal): Request {
  const url = urlOf(headerValue(headers, 'host'), target);
  const bodiless = method === 'GET' || method === 'HEAD';
  return lazyRequest({ method, url, headers, body: bodiless ? EMPTY : body, signal });
}

/** Makes the same, but a native one at once: `fetch` and `new Request` accept it. */
export function toNativeRequest(request: HttpRequest, signal: AbortSignal): Request {
  return nativeRequest(toFetchRequest(request, signal));
}
