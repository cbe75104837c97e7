import { headerValue } from '#shared/contract/headers.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import { lightRequest } from './light/request.ts';

const EMPTY = new Uint8Array(0);
const FALLBACK_HOST = 'localhost';
/** uri-host [ ":" port ] of RFC 9110 7.2: no user, no path, nothing that would move the URL's borders. */
const HOST = /^(?:[\w.~!$&'()*+,;=%-]+|\[[\da-fA-F:.]+\])(?::\d*)?$/;
/** Methods that the Fetch Standard forbids in a Request. */
const FORBIDDEN_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** Whether a Fetch `Request` may carry the method (Fetch Standard, "forbidden method"). */
export function canBeFetchRequest(method: string): boolean {
  return !FORBIDDEN_METHODS.has(method.toUpperCase());
}

/** A path and query that the URL Standard leaves as they are. */
const PLAIN_TARGET = /^\/[\w.~!$&()*+,;=:@%/?-]*$/;
/** What may be a segment that stands for another place. */
const DOT_SEGMENT = /\/(?:\.|%2e)/i;

/** The origin that a Host stands for; one that is missing or malformed, or that no URL can have, is `localhost`. */
function originOf(host: string | undefined): string {
  const url = host !== undefined && HOST.test(host) ? URL.parse(`http://${host}/`) : null;
  return url?.origin ?? `http://${FALLBACK_HOST}`;
}

/** Almost all requests of a replica have the same Host. */
let lately: { readonly host: string | undefined; readonly origin: string } | undefined;

/** The URL as the URL Standard writes it; `*` becomes `/*`. */
function urlOf(host: string | undefined, target: string): string {
  if (lately === undefined || lately.host !== host) lately = { host, origin: originOf(host) };
  if (PLAIN_TARGET.test(target) && !DOT_SEGMENT.test(target)) return lately.origin + target;
  return new URL(lately.origin + (target.startsWith('/') ? target : `/${target}`)).href;
}

/**
 * The request as the Fetch Standard has it. Repeated headers are appended; GET and HEAD lose their body, which a
 * `Request` cannot have.
 * @param signal becomes the request's own; that of its clones is another one
 * @throws TypeError where {@link canBeFetchRequest} says no, once more is asked of it than a light one has
 */
export function toFetchRequest({ method, target, headers, body }: HttpRequest, signal: AbortSignal): Request {
  const url = urlOf(headerValue(headers, 'host'), target);
  const bodiless = method === 'GET' || method === 'HEAD';
  return lightRequest({ method, url, headers, body: bodiless ? EMPTY : body, signal });
}
