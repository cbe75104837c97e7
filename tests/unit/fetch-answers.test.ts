import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { BytesSource } from '../../worker/handlers/bytes-source.ts';
import { toHandlerAnswer } from '../../worker/handlers/fetch-reply.ts';
import { isSourced } from '../../worker/handlers/handler.ts';
import type { HandlerAnswer, SourcedReply } from '../../worker/handlers/handler.ts';
import { installLazyResponse } from '../../worker/handlers/lazy/response.ts';
import { ReplyBudget } from '../../worker/handlers/reply-budget.ts';

const limitBytes = 1024 * 1024;
const NativeResponse = globalThis.Response;
const nativeJson = NativeResponse.json.bind(NativeResponse);

async function answerTo(
  response: Response,
  method = 'GET',
  signal = new AbortController().signal,
): Promise<HandlerAnswer> {
  const context = { replica: 'S1', requestId: 'r-1', attempt: 1, deadline: 0, signal };
  return toHandlerAnswer(response, method, context, new ReplyBudget(limitBytes));
}

async function sourced(response: Response): Promise<SourcedReply> {
  const answer = await answerTo(response);
  if (!isSourced(answer)) throw new Error('the answer is whole');
  return answer;
}

/** A stream that brings nothing, and tells why it is cancelled. */
function silent(): { readonly stream: ReadableStream; readonly cancelled: Promise<unknown> } {
  const cancelled = Promise.withResolvers<unknown>();
  return { stream: new ReadableStream({ cancel: cancelled.resolve }), cancelled: cancelled.promise };
}

describe('the answer that a response makes', () => {
  it('has a source and no length if it is a stream', async () => {
    const { stream } = silent();
    const answer = await sourced(new Response(stream, { headers: { 'content-type': 'text/event-stream' } }));
    expect([answer.status, answer.length, answer.headers]).toEqual([
      200,
      undefined,
      ['content-type', 'text/event-stream'],
    ]);
  });

  it.each([
    ['7', 7, ['content-length', '7']],
    ['0x7', undefined, []],
    ['', undefined, []],
    ['-1', undefined, []],
  ])('has the length of its Content-Length %j if that is one', async (stated, length, headers) => {
    const answer = await sourced(
      new NativeResponse(silent().stream, { headers: { 'content-length': stated } }),
    );
    expect([answer.length, answer.headers]).toEqual([length, headers]);
  });

  it('may have a body of Node.js', async () => {
    const body = new Readable({ read: () => undefined });
    const response = Object.defineProperty(new Response(silent().stream), 'body', { value: body });
    expect((await sourced(response)).length).toBeUndefined();
    body.destroy();
  });
});

describe('the answer that a text or bytes make', () => {
  beforeAll(installLazyResponse);
  afterAll(() => {
    Object.defineProperty(NativeResponse, 'json', { value: nativeJson });
    Object.defineProperty(NativeResponse.prototype, 'constructor', { value: NativeResponse });
    globalThis.Response = NativeResponse;
  });

  it.each([
    ['x'.repeat(65_537), 65_537],
    ['\u20ac'.repeat(65_536), 3 * 65_536],
    [new Uint8Array(65_537), 65_537],
  ])('has a source of known length above 64 KiB', async (body, length) => {
    const answer = await sourced(new Response(body));
    expect(answer.length).toBe(length);
    expect(answer.source).toBeInstanceOf(BytesSource);
  });

  it.each(['x'.repeat(65_536), new Uint8Array(65_536)])('is whole up to 64 KiB', async (body) => {
    expect(isSourced(await answerTo(new Response(body)))).toBe(false);
  });
});

describe('the answer to HEAD', () => {
  const chunks = (count: number): ReadableStream =>
    ReadableStream.from(Array.from({ length: count }, () => new Uint8Array(10)));

  it('has the length of a stream that ends at once', async () => {
    const answer = await answerTo(new NativeResponse(chunks(10)), 'HEAD');
    expect([isSourced(answer), headerValue(answer.headers, 'content-length')]).toEqual([false, '100']);
  });

  it('has no length if the stream does not end within 5 ms, and the stream is cancelled', async () => {
    const { stream, cancelled } = silent();
    const answer = await answerTo(new NativeResponse(stream, { headers: { a: 'b' } }), 'HEAD');
    expect([isSourced(answer), answer.headers]).toEqual([false, ['a', 'b']]);
    await cancelled;
  });

  it('is not read if its length is stated', async () => {
    const { stream, cancelled } = silent();
    const headers = { 'content-length': '7' };
    const answer = await answerTo(new NativeResponse(stream, { headers }), 'HEAD');
    expect(headerValue(answer.headers, 'content-length')).toBe('7');
    await cancelled;
  });

  it('fails with its stream, and with its request', async () => {
    const broken = new ReadableStream({ pull: () => Promise.reject(new RangeError('broken')) });
    await expect(answerTo(new NativeResponse(broken), 'HEAD')).rejects.toThrow('broken');
    const { stream, cancelled } = silent();
    const controller = new AbortController();
    const answer = answerTo(new NativeResponse(stream), 'HEAD', controller.signal);
    const late = new Error('too late');
    controller.abort(late);
    await expect(answer).rejects.toBe(late);
    expect(await cancelled).toBe(late);
  });
});
