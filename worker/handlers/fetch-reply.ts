import { stripHopByHop } from '#shared/contract/headers.ts';
import { statedLength } from '#shared/contract/stated-length.ts';
import { reasonPart } from '#shared/contract/reason.ts';
import { BytesSource } from './bytes-source.ts';
import { tooLargeReply } from './gathered-body.ts';
import type { HandlerAnswer, RunContext } from './handler.ts';
import { lengthOf } from './head-length.ts';
import { allHeaders, plainResponse } from './lazy/response.ts';
import type { PlainResponse } from './lazy/response.ts';
import { uncountedBytes } from './reply-budget.ts';
import type { ReplyBudget } from './reply-budget.ts';
import { cancelBody, sourceOf } from './response-source.ts';

const EMPTY = new Uint8Array(0);
const noBody = 'the answer to HEAD has no body';

/** What decides which headers an answer has. */
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /**
   * Whether its body was decoded when it arrived: then its Content-Encoding and Content-Length are wrong now.
   */
  readonly decoded: boolean;
}

/** @returns the headers that are right for a body of that many bytes; undefined if that is not known. */
function headersFor(
  { status, headers, decoded }: Answer,
  method: string,
  length: number | undefined,
): string[] {
  const bodiless = method === 'HEAD' || status === 304;
  const raw: string[] = [];
  for (const [name, value] of headers) {
    if (decoded && name === 'content-encoding') continue;
    if (name === 'content-length' && (decoded || (!bodiless && Number(value) !== length))) continue;
    raw.push(name, value);
  }
  if (method === 'HEAD' && length !== undefined && length > 0 && !decoded && !headers.has('content-length')) {
    raw.push('content-length', String(length));
  }
  return stripHopByHop(raw);
}

/**
 * @returns the number of bytes of a body if it is above `min`; else 0, mostly without a look at each
 * character.
 */
function bytesAbove(min: number, body: string | Uint8Array): number {
  if (typeof body !== 'string') return body.length > min ? body.length : 0;
  // A unit of a string takes up to three bytes.
  if (body.length * 3 <= min) return 0;
  const bytes = Buffer.byteLength(body);
  return bytes > min ? bytes : 0;
}

/** Makes an answer of a text or of bytes. */
function plainAnswer(plain: PlainResponse, method: string): HandlerAnswer {
  const { status, type, headers, body } = plain;
  if (method === 'HEAD') {
    const length = Buffer.byteLength(body);
    const answer = { status, headers: allHeaders(plain), decoded: false };
    return { status, headers: headersFor(answer, method, length), body: EMPTY };
  }
  const large = bytesAbove(uncountedBytes, body);
  if (large > 0) {
    const answer = { status, headers: allHeaders(plain), decoded: false };
    return {
      status,
      headers: headersFor(answer, method, large),
      source: new BytesSource(body),
      length: large,
    };
  }
  if (headers === undefined) {
    return { status, headers: type === undefined ? [] : ['content-type', type], body };
  }
  const answer = { status, headers: allHeaders(plain), decoded: false };
  return { status, headers: headersFor(answer, method, Buffer.byteLength(body)), body };
}

/** Makes an answer of a native response. */
function nativeAnswer(
  response: Response,
  method: string,
  context: RunContext,
  { limitBytes }: ReplyBudget,
): HandlerAnswer | Promise<HandlerAnswer> {
  const { status, statusText, headers } = response;
  const { signal } = context;
  if (status === 0) {
    throw new Error(`the handler answered with a network error (a Response of type "${response.type}")`);
  }
  if (!Number.isInteger(status) || status < 200 || status > 999) {
    throw new Error(`the handler answered with the status ${status}, which is not that of a final answer`);
  }
  const head = { status, ...reasonPart(status, statusText === '' ? undefined : statusText) };
  if (signal.aborted) {
    cancelBody(response, signal.reason);
    throw signal.reason;
  }
  const decoded = response.url !== '' && headers.has('content-encoding');
  const answer = { status, headers, decoded };
  if (response.body === null) return { ...head, headers: headersFor(answer, method, 0), body: EMPTY };
  const stated = decoded ? null : headers.get('content-length');
  if (method === 'HEAD' && stated !== null) {
    // The length is known, so the body need not be read.
    afterAnswer(() => {
      cancelBody(response, noBody);
      context.abandon?.(noBody);
    });
    return { ...head, headers: headersFor(answer, method, 0), body: EMPTY };
  }
  const source = sourceOf(response, context);
  if (method === 'HEAD') {
    return (source === undefined ? wholeLengthOf(response) : lengthOf(source)).then((length) => {
      if (length === undefined) afterAnswer(() => source?.cancel(noBody));
      return { ...head, headers: headersFor(answer, method, length), body: EMPTY };
    });
  }
  if (source === undefined) {
    return response.arrayBuffer().then((buffer) => {
      const body = new Uint8Array(buffer);
      if (body.length > limitBytes) return tooLargeReply(limitBytes);
      return { ...head, headers: headersFor(answer, method, body.length), body };
    });
  }
  const length = statedLength(stated);
  const known = length === undefined ? {} : { length };
  return { ...head, headers: headersFor(answer, method, length), source, ...known };
}

/** Waits until the answer is passed on. If the signal fired before, the request would count as aborted. */
function afterAnswer(cancel: () => void): void {
  setImmediate(cancel);
}

async function wholeLengthOf(response: Response): Promise<number> {
  return (await response.arrayBuffer()).byteLength;
}

/**
 * Makes an answer of a response. Each Set-Cookie stays a header of its own. A Content-Length that is wrong is
 * dropped, as far as that is known before the body is read. The answer to HEAD has no body, and no length if
 * the body has none and does not end within 5 ms. If the request ends first, the stream of the body is
 * cancelled.
 * @param method of the request.
 * @param context of the request.
 * @param budget limits the bytes of a body that has no stream.
 * @returns a reply if it is small or has no stream; otherwise its bytes are read by whoever wants them.
 * @throws {Error} for `Response.error()`, or rejects with it; what reading the body throws; the signal's
 * reason.
 */
export function toHandlerAnswer(
  response: Response,
  method: string,
  context: RunContext,
  budget: ReplyBudget,
): HandlerAnswer | Promise<HandlerAnswer> {
  const plain = plainResponse(response);
  return plain === undefined ? nativeAnswer(response, method, context, budget) : plainAnswer(plain, method);
}
