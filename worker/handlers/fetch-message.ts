import { headerValue, stripHopByHop } from '#shared/contract/headers.ts';
import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';

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

/** A Host that is missing or malformed, or that no URL can have, becomes `localhost`; `*` becomes `/*`. */
function requestTo(host: string | undefined, target: string, init: RequestInit): Request {
  const path = target.startsWith('/') ? target : `/${target}`;
  try {
    if (host !== undefined && HOST.test(host)) return new Request(`http://${host}${path}`, init);
  } catch {
    // What is wrong otherwise is so with the other host as well.
  }
  return new Request(`http://${FALLBACK_HOST}${path}`, init);
}

/**
 * The request as the Fetch Standard has it. Repeated headers are appended; GET and HEAD lose their body, which a
 * `Request` cannot have.
 * @param signal becomes the request's own; that of its clones is another one
 * @throws TypeError where {@link canBeFetchRequest} says no
 */
export function toFetchRequest(raw: HttpRequest, signal: AbortSignal): Request {
  const { method, body } = raw;
  const hasBody = body.byteLength > 0 && method !== 'GET' && method !== 'HEAD';
  // Request copies the bytes and takes them from any buffer; only its type asks for one that is not shared.
  const init = hasBody ? { method, body: body as Uint8Array<ArrayBuffer> } : { method };
  const request = requestTo(headerValue(raw.headers, 'host'), raw.target, init);
  for (let i = 0; i + 1 < raw.headers.length; i += 2) {
    request.headers.append(raw.headers[i] ?? '', raw.headers[i + 1] ?? '');
  }
  // Given to the constructor it would be followed by a second one, which costs twice as much as all the rest of it.
  return Object.defineProperty(request, 'signal', { value: signal, enumerable: true });
}

/** The response's headers that still hold for a body of that many bytes. */
function headersFor(response: Response, method: string, length: number): string[] {
  // What fetch() brought in is decoded already, so its Content-Encoding and Content-Length are no longer true.
  const decoded = response.url !== '' && response.headers.has('content-encoding');
  const bodiless = method === 'HEAD' || response.status === 304;
  const raw: string[] = [];
  for (const [name, value] of response.headers) {
    if (decoded && name === 'content-encoding') continue;
    if (name === 'content-length' && (decoded || (!bodiless && Number(value) !== length))) continue;
    raw.push(name, value);
  }
  if (method === 'HEAD' && length > 0 && !decoded && !response.headers.has('content-length')) {
    raw.push('content-length', String(length));
  }
  return stripHopByHop(raw);
}

/**
 * The whole answer, its body read to the end. Each Set-Cookie stays a header of its own; a Content-Length that
 * the body belies is dropped; the answer to HEAD has no body.
 * @param method the method of the request that it answers
 * @throws Error for `Response.error()`; what reading the body throws
 */
export async function toHttpReply(response: Response, method: string): Promise<HttpReply> {
  if (response.status === 0) {
    throw new Error(`the handler answered with a network error (a Response of type "${response.type}")`);
  }
  const body = response.body === null ? EMPTY : new Uint8Array(await response.arrayBuffer());
  return {
    status: response.status,
    headers: headersFor(response, method, body.byteLength),
    body: method === 'HEAD' ? EMPTY : body,
  };
}
