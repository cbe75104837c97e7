import { stripHopByHop } from '#shared/contract/headers.ts';
import type { HttpReply } from '#shared/contract/http.ts';
import { reasonPart } from '#shared/contract/reason.ts';
import { uncountedBytes } from './reply-budget.ts';
import type { ReplyBudget } from './reply-budget.ts';
import { tooLargeReply } from './gathered-body.ts';
import type { HandlerContext, HandlerReply } from './handler.ts';
import { allHeaders, plainResponse } from './lazy/response.ts';
import type { PlainResponse } from './lazy/response.ts';
import { cancelBody, readBody } from './response-body.ts';

const EMPTY = new Uint8Array(0);

/** What decides which headers an answer has. */
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /**
   * Whether its body was decoded when it arrived: then its Content-Encoding and Content-Length are wrong now.
   */
  readonly decoded: boolean;
}

/** @returns the headers that are right for a body of that many bytes. */
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

/** Makes a reply of a text or of bytes. */
function plainReply(
  plain: PlainResponse,
  method: string,
  { requestId, signal }: HandlerContext,
  budget: ReplyBudget,
): HandlerReply {
  const { status, type, headers, body } = plain;
  if (method === 'HEAD') {
    const length = Buffer.byteLength(body);
    const answer = { status, headers: allHeaders(plain), decoded: false };
    return { status, headers: headersFor(answer, method, length), body: EMPTY };
  }
  const large = bytesAbove(uncountedBytes, body);
  if (large > budget.limitBytes) return tooLargeReply(budget.limitBytes);
  // If the request has ended, nothing would release the bytes.
  if (large > 0 && !signal.aborted) budget.count(requestId, large);
  if (headers === undefined) {
    return { status, headers: type === undefined ? [] : ['content-type', type], body };
  }
  const answer = { status, headers: allHeaders(plain), decoded: false };
  return { status, headers: headersFor(answer, method, Buffer.byteLength(body)), body };
}

/** Makes a reply of a native response and reads its body to the end. */
async function nativeReply(
  response: Response,
  method: string,
  context: HandlerContext,
  budget: ReplyBudget,
): Promise<HttpReply> {
  const { status, statusText, headers } = response;
  if (status === 0) {
    throw new Error(`the handler answered with a network error (a Response of type "${response.type}")`);
  }
  if (!Number.isInteger(status) || status < 200 || status > 999) {
    throw new Error(`the handler answered with the status ${status}, which is not that of a final answer`);
  }
  const head = { status, ...reasonPart(status, statusText === '' ? undefined : statusText) };
  const { signal } = context;
  if (signal.aborted) {
    cancelBody(response, signal.reason);
    throw signal.reason;
  }
  const decoded = response.url !== '' && headers.has('content-encoding');
  const answer = { status, headers, decoded };
  if (response.body === null) return { ...head, headers: headersFor(answer, method, 0), body: EMPTY };
  const stated = decoded ? null : headers.get('content-length');
  if (method === 'HEAD') {
    // If the length is stated, the body need not be read.
    if (stated !== null) cancelBody(response, 'the answer to HEAD has no body');
    const body = stated === null ? await readBody(response, context, budget) : undefined;
    return { ...head, headers: headersFor(answer, method, body?.byteLength ?? 0), body: EMPTY };
  }
  if (Number(stated) > budget.limitBytes) {
    cancelBody(response, 'the answer is too large');
    return tooLargeReply(budget.limitBytes);
  }
  const body = await readBody(response, context, budget);
  if (body === undefined) return tooLargeReply(budget.limitBytes);
  return { ...head, headers: headersFor(answer, method, body.byteLength), body };
}

/**
 * Makes a reply of a response. Each Set-Cookie stays a header of its own. A Content-Length that is wrong is
 * dropped. The reply to HEAD has no body. If the body is larger than the limit, its stream is cancelled, and
 * the reply is 502 `reply_too_large`. If the request ends first, the stream is cancelled too.
 * @param method of the request.
 * @param context of the request.
 * @param budget limits the bytes of this answer, and of all answers of the worker.
 * @throws {Error} for `Response.error()`, or rejects with it; what reading the body throws; the signal's
 * reason.
 */
export function toHttpReply(
  response: Response,
  method: string,
  context: HandlerContext,
  budget: ReplyBudget,
): HandlerReply | Promise<HandlerReply> {
  const plain = plainResponse(response);
  return plain === undefined
    ? nativeReply(response, method, context, budget)
    : plainReply(plain, method, context, budget);
}
