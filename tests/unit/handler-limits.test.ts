import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { headerValue } from '#shared/contract/headers.ts';
import type { HandlerContext, HandlerReply } from '../../worker/handlers/handler.ts';
import { loadModuleHandler } from '../../worker/handlers/module.ts';
import { ReplyBudget } from '../../worker/handlers/reply-budget.ts';
import { gathering } from '../fixtures/handled.ts';
import type { WholeHandler } from '../fixtures/handled.ts';

const limitBytes = 1024 * 1024;
const ended = new Error('the request has ended');

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ringpost-limits-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** Makes the next answer of the test's handler. */
const next: { answer: () => unknown } = { answer: () => undefined };

/** A handler that answers with `next.answer()`. */
async function load(budget = new ReplyBudget(limitBytes)): Promise<WholeHandler> {
  Object.assign(globalThis, { next });
  const file = join(directory, 'handler.mjs');
  await writeFile(file, 'export default () => globalThis.next.answer();');
  return gathering(await loadModuleHandler(file, 'S1', budget), budget);
}

const ask = async (
  handler: WholeHandler,
  answer: () => unknown,
  { method = 'GET', signal = new AbortController().signal, requestId = 'r-1' } = {},
): Promise<HandlerReply> => {
  next.answer = answer;
  const context: HandlerContext = { replica: 'S1', requestId, attempt: 1, deadline: 0, signal };
  return handler.handle({ method, target: '/', headers: [], body: new Uint8Array(0) }, context);
};

/** A stream without an end that counts its pulls and tells why it was cancelled. */
function endless(chunk = new Uint8Array(10_000)) {
  const cancelled = Promise.withResolvers<unknown>();
  const source = { pulls: 0, cancelled: cancelled.promise, stream: new ReadableStream<Uint8Array>() };
  source.stream = new ReadableStream({
    pull(controller) {
      source.pulls += 1;
      controller.enqueue(chunk);
      // Lets timers run.
      return new Promise((resolve) => setImmediate(resolve));
    },
    cancel: (reason) => cancelled.resolve(reason),
  });
  return source;
}

/** A stream that never yields a chunk. */
function silent() {
  const cancelled = Promise.withResolvers<unknown>();
  const stream = new ReadableStream({ cancel: (reason) => cancelled.resolve(reason) });
  return { stream, cancelled: cancelled.promise };
}

const problem = { status: 502, problem: 'reply_too_large' };

describe('an answer over the limit', () => {
  it('becomes 502 reply_too_large, and its stream is cancelled', async () => {
    const source = endless();
    const handler = await load();
    expect(await ask(handler, () => new Response(source.stream))).toMatchObject(problem);
    await source.cancelled;
    // A stream may be one chunk ahead of its reader.
    expect(source.pulls).toBeLessThanOrEqual(Math.ceil(limitBytes / 10_000) + 2);
  });

  it('is not read at all if its Content-Length is over the limit', async () => {
    const source = endless();
    const headers = { 'content-length': String(limitBytes + 1) };
    expect(await ask(await load(), () => new Response(source.stream, { headers }))).toMatchObject(problem);
    await source.cancelled;
    expect(source.pulls).toBeLessThanOrEqual(1);
  });

  it.each([
    ['text', () => new Response('\u20ac'.repeat(limitBytes / 2))],
    ['bytes', () => new Response(new Uint8Array(limitBytes + 1))],
    ['JSON', () => Response.json('x'.repeat(limitBytes))],
    ['a promise of text', () => Promise.resolve(new Response('x'.repeat(limitBytes + 1)))],
    ['text in a native response', () => Object.assign(new Response('x'.repeat(limitBytes + 1)).clone(), {})],
    ['a blob', () => new Response(new Blob([new Uint8Array(limitBytes + 1)]))],
  ])('becomes 502 reply_too_large if it is %s', async (_, answer) => {
    expect(await ask(await load(), answer)).toMatchObject(problem);
  });

  it('is not one of exactly the limit, which is accepted', async () => {
    const handler = await load();
    const stream = () => new Blob([new Uint8Array(limitBytes)]).stream();
    expect((await ask(handler, () => new Response(stream()))).body.length).toBe(limitBytes);
    expect((await ask(handler, () => new Response('x'.repeat(limitBytes)))).body.length).toBe(limitBytes);
  });

  it('is allowed for HEAD: it is not read if its length is given, else for 5 ms', async () => {
    const handler = await load();
    const source = endless();
    const headers = { 'content-length': '999999999' };
    const head = await ask(handler, () => new Response(source.stream, { headers }), { method: 'HEAD' });
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect(headerValue(head.headers, 'content-length')).toBe('999999999');
    await source.cancelled;
    const other = endless();
    const unknown = await ask(handler, () => new Response(other.stream), { method: 'HEAD' });
    expect([unknown.status, headerValue(unknown.headers, 'content-length')]).toEqual([200, undefined]);
    await other.cancelled;
    const text = await ask(handler, () => new Response('x'.repeat(limitBytes + 1)), { method: 'HEAD' });
    expect(headerValue(text.headers, 'content-length')).toBe(String(limitBytes + 1));
  });

  it('is also cancelled if its body is a Node.js stream, as other libraries return it', async () => {
    const body = new Readable({ read: () => void body.push(new Uint8Array(10_000)) });
    const response = Object.defineProperty(new Response(new ReadableStream()), 'body', { value: body });
    expect(await ask(await load(), () => response)).toMatchObject(problem);
    await expect.poll(() => body.destroyed).toBe(true);
  });
});

describe('an answer whose request has ended', () => {
  it.each([
    ['never ends', () => endless(new Uint8Array(10))],
    ['yields nothing', silent],
  ])('is cancelled with the reason if its stream %s', async (_, make) => {
    const source = make();
    const controller = new AbortController();
    const reply = ask(await load(), () => new Response(source.stream), { signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, 20));
    controller.abort(ended);
    await expect(reply).rejects.toBe(ended);
    expect(await source.cancelled).toBe(ended);
  });

  it('is cancelled if its handler answers only afterwards', async () => {
    const source = endless();
    const controller = new AbortController();
    const late = Promise.withResolvers<Response>();
    const reply = ask(await load(), () => late.promise, { signal: controller.signal });
    controller.abort(ended);
    late.resolve(new Response(source.stream));
    await expect(reply).rejects.toBe(ended);
    expect(await source.cancelled).toBe(ended);
    expect(source.pulls).toBeLessThanOrEqual(1);
  });

  it('fails if it was already read, or is not a stream of bytes', async () => {
    const handler = await load();
    const read = new Response(endless().stream);
    const reader = read.body?.getReader();
    await reader?.read();
    reader?.releaseLock();
    await expect(ask(handler, () => read)).rejects.toThrow(TypeError);
    const texts = new ReadableStream({ start: (controller) => controller.enqueue('text') });
    await expect(ask(handler, () => new Response(texts))).rejects.toThrow('a stream of bytes');
  });
});

describe('answers that are read at the same time', () => {
  it('wait for bytes that others hold, and are read on when those are released', async () => {
    const budget = new ReplyBudget(limitBytes);
    const handler = await load(budget);
    budget.count('oldest', limitBytes);
    budget.count('large', budget.totalBytes - limitBytes);
    const source = endless(new Uint8Array(100_000));
    const reply = ask(handler, () => new Response(source.stream), { requestId: 'waiting' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(source.pulls).toBeLessThanOrEqual(2);
    budget.release('large');
    expect(await reply).toMatchObject(problem);
    budget.release('waiting');
    budget.release('oldest');
    expect(budget.heldBytes).toBe(0);
  });

  it('are cancelled while they wait if their request ends', async () => {
    const budget = new ReplyBudget(limitBytes);
    const handler = await load(budget);
    budget.count('oldest', limitBytes);
    budget.count('large', budget.totalBytes - limitBytes);
    const source = endless(new Uint8Array(100_000));
    const controller = new AbortController();
    const reply = ask(handler, () => new Response(source.stream), { signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, 50));
    controller.abort(ended);
    await expect(reply).rejects.toBe(ended);
    expect(await source.cancelled).toBe(ended);
  });

  it('hold none of the budget if they are small', async () => {
    const budget = new ReplyBudget(limitBytes);
    const handler = await load(budget);
    await ask(handler, () => new Response('x'.repeat(60_000)));
    await ask(handler, () => new Response(new Blob([new Uint8Array(60_000)]).stream()));
    expect(budget.heldBytes).toBe(0);
    await ask(handler, () => new Response('x'.repeat(100_000)));
    expect(budget.heldBytes).toBe(100_000);
  });
});
