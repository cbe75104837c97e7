import { headerValue, stripHopByHop } from '#shared/contract/headers.ts';
import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';
import type { HandlerReply } from './handler.ts';
import { lightRequest } from './light/request.ts';
import { allHeaders, plainResponse } from './light/response.ts';
import type { PlainResponse } from './light/response.ts';

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

/** What decides on the headers of an answer. */
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Whether its body was decoded when it came in, so that its Content-Encoding and Content-Length are no longer true. */
  readonly decoded: boolean;
}

/** The headers that still hold for a body of that many bytes. */
function headersFor({ status, headers, decoded }: Answer, method: string, length: number): string[] {
  const bodiless = method === 'HEAD' || status === 304;
  const raw: string[] = [];
  for (const [name, value] of headers) {
    if (decoded && name === 'content-encoding') continue;
    if (name === 'content-length' && (decoded || (!bodiless && Number(value) !== length))) continue;
    raw.push(name, value);
  }
  if (method === 'HEAD' && length > 0 && !decoded && !headers.has('content-length')) {
    raw.push('content-length', String(length));
  }
  return stripHopByHop(raw);
}

/** The answer that a text or bytes make. */
function plainReply(plain: PlainResponse, method: string): HandlerReply {
  const { status, type, headers, body } = plain;
  if (headers === undefined && method !== 'HEAD') {
    return { status, headers: type === undefined ? [] : ['content-type', type], body };
  }
  return {
    status,
    headers: headersFor(
      { status, headers: allHeaders(plain), decoded: false },
      method,
      Buffer.byteLength(body),
    ),
    body: method === 'HEAD' ? EMPTY : body,
  };
}

async function nativeReply(response: Response, method: string): Promise<HttpReply> {
  const { status, headers } = response;
  if (status === 0) {
    throw new Error(`the handler answered with a network error (a Response of type "${response.type}")`);
  }
  const body = response.body === null ? EMPTY : new Uint8Array(await response.arrayBuffer());
  const decoded = response.url !== '' && headers.has('content-encoding');
  return {
    status,
    headers: headersFor({ status, headers, decoded }, method, body.byteLength),
    body: method === 'HEAD' ? EMPTY : body,
  };
}

/**
 * The whole answer, its body read to the end. Each Set-Cookie stays a header of its own; a Content-Length that
 * the body belies is dropped; the answer to HEAD has no body.
 * @param method the method of the request that it answers
 * @throws Error for `Response.error()`, or rejects with it; what reading the body throws
 */
export function toHttpReply(response: Response, method: string): HandlerReply | Promise<HandlerReply> {
  const plain = plainResponse(response);
  return plain === undefined ? nativeReply(response, method) : plainReply(plain, method);
}
