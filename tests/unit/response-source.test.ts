import { AsyncLocalStorage } from 'node:async_hooks';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../../worker/handlers/handler.ts';
import { sourceOf } from '../../worker/handlers/response-source.ts';
import { NotedSink } from '../fixtures/noted-sink.ts';

const never = new AbortController().signal;

/** @returns the source of a response with this body, of whatever library. */
function sourceFor(body: unknown, signal = never): ByteSource {
  const response = new Response();
  Object.defineProperties(response, { body: { value: body }, bodyUsed: { value: false } });
  const source = sourceOf(response, { signal });
  if (source === undefined) throw new Error('the body has no stream');
  return source;
}

/** A stream that always has a chunk. */
class Endless {
  pulls = 0;
  cancelled: unknown;
  readonly stream: ReadableStream<Uint8Array>;

  constructor(chunkBytes: number) {
    this.stream = new ReadableStream({
      pull: (controller) => {
        this.pulls += 1;
        controller.enqueue(new Uint8Array(chunkBytes));
      },
      cancel: (reason) => void (this.cancelled = reason),
    });
  }
}

/** Lets everything happen that needs no time. */
async function settle(): Promise<void> {
  for (let at = 0; at < 5; at += 1) await turn();
}

const numbers = (count: number): Buffer[] => Array.from({ length: count }, (_, at) => Buffer.from(`${at},`));

const byteStream = (chunks: readonly Uint8Array<ArrayBuffer>[]): ReadableStream => {
  const left = [...chunks];
  return new ReadableStream({
    type: 'bytes',
    autoAllocateChunkSize: 1024,
    pull: (controller) => {
      const chunk = left.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(new Uint8Array(chunk));
      if (chunk === undefined) controller.byobRequest?.respond(0);
    },
  });
};

/** A stream of another library, which has its own classes. */
function foreignStream(chunks: readonly Uint8Array[]): object {
  const left = [...chunks];
  const read = (): Promise<object> => {
    const value = left.shift();
    return Promise.resolve(value === undefined ? { done: true } : { done: false, value });
  };
  const cancel = (): Promise<void> => Promise.resolve();
  return { getReader: () => ({ read, cancel }), cancel };
}

describe('the bytes of a response', () => {
  const makers: [string, (chunks: Buffer<ArrayBuffer>[]) => unknown][] = [
    ['a stream of chunks', (chunks) => ReadableStream.from(chunks)],
    ['a byte stream', byteStream],
    ['a stream of Node.js', (chunks) => Readable.from(chunks, { objectMode: false })],
    ['a stream of another library', foreignStream],
  ];

  it.each(makers)('come in order, up to 1,000 small chunks: %s', async (_, make) => {
    const chunks = Array.from({ length: 1000 }, (_none, at) => Buffer.from(`${at},`));
    const sink = new NotedSink();
    const source = sourceFor(make(chunks));
    source.start(sink);
    expect(sink.chunks).toEqual([]);
    expect(await sink.over).toEqual({ ended: true });
    expect(sink.whole.equals(Buffer.concat(numbers(1000)))).toBe(true);
  });

  it('stop at a pause, with at most one more chunk, and go on', async () => {
    const endless = new Endless(10);
    const source = sourceFor(endless.stream);
    const sink = new NotedSink(() => {
      if (sink.chunks.length % 3 === 0) source.pause();
    });
    source.start(sink);
    await settle();
    const [got, pulls] = [sink.chunks.length, endless.pulls];
    expect(got).toBeGreaterThanOrEqual(3);
    expect(got).toBeLessThanOrEqual(4);
    // The stream itself keeps one chunk ready.
    expect(pulls).toBeLessThanOrEqual(got + 1);
    source.pause();
    source.resume();
    source.resume();
    await settle();
    expect(sink.chunks.length).toBeGreaterThanOrEqual(6);
    expect(sink.chunks.length).toBeLessThanOrEqual(8);
    source.cancel('enough');
  });

  it('are not read before the start, nor while paused before it', async () => {
    const endless = new Endless(10);
    const source = sourceFor(endless.stream);
    source.pause();
    const sink = new NotedSink();
    source.start(sink);
    await settle();
    expect([sink.chunks.length, endless.pulls <= 1]).toEqual([0, true]);
    source.resume();
    await settle();
    expect(sink.chunks.length).toBeGreaterThan(0);
    source.cancel('enough');
  });

  it('let timers and connections have their turns, however fast the stream is', async () => {
    const endless = new Endless(10);
    const source = sourceFor(endless.stream);
    const sink = new NotedSink();
    source.start(sink);
    await turn();
    expect(sink.chunks.length).toBeLessThanOrEqual(200);
    source.cancel('enough');
  });

  it('fail in the middle after what came before', async () => {
    let reads = 0;
    const broken = new ReadableStream({
      pull(controller) {
        reads += 1;
        if (reads > 2) throw new RangeError('the disk is gone');
        controller.enqueue(Buffer.from('ab'));
      },
    });
    const sink = new NotedSink();
    sourceFor(broken).start(sink);
    expect(await sink.over).toEqual({ failed: new RangeError('the disk is gone') });
    expect(sink.length).toBeLessThanOrEqual(4);
  });

  it('fail if they are no bytes, and the stream is cancelled', async () => {
    const cancelled = Promise.withResolvers<unknown>();
    const texts = new ReadableStream({
      pull: (controller) => controller.enqueue('text'),
      cancel: cancelled.resolve,
    });
    const sink = new NotedSink();
    sourceFor(texts).start(sink);
    expect(await sink.over).toEqual({ failed: expect.any(TypeError) });
    expect(await cancelled.promise).toBeInstanceOf(TypeError);
  });
});

describe('a stream that is no longer wanted', () => {
  it.each([false, true])(
    'is cancelled with the reason, and brings nothing more (started: %s)',
    async (is) => {
      const endless = new Endless(10);
      const source = sourceFor(endless.stream);
      const sink = new NotedSink();
      if (is) source.start(sink);
      await settle();
      source.cancel('the client has left');
      const { length } = sink.chunks;
      await settle();
      expect([endless.cancelled, sink.chunks.length, sink.outcome]).toEqual([
        'the client has left',
        length,
        undefined,
      ]);
    },
  );

  it('is cancelled while it is silent', async () => {
    const cancelled = Promise.withResolvers<unknown>();
    const source = sourceFor(new ReadableStream({ cancel: cancelled.resolve }));
    source.start(new NotedSink());
    await settle();
    source.cancel('the client has left');
    expect(await cancelled.promise).toBe('the client has left');
  });

  it('is destroyed if it is one of Node.js', async () => {
    const readable = new Readable({ read: () => undefined });
    const source = sourceFor(readable);
    source.start(new NotedSink());
    source.cancel('the client has left');
    await expect.poll(() => readable.destroyed).toBe(true);
  });

  it.each([false, true])('is cancelled and fails with its request (started: %s)', async (is) => {
    const endless = new Endless(10);
    const controller = new AbortController();
    const source = sourceFor(endless.stream, controller.signal);
    const sink = new NotedSink();
    if (is) source.start(sink);
    await settle();
    const late = new Error('too late');
    controller.abort(late);
    expect(endless.cancelled).toBe(late);
    if (!is) source.start(sink);
    expect(await sink.over).toEqual({ failed: late });
  });
});

it('a stream is read in the context of the request that made it', async () => {
  const requests = new AsyncLocalStorage<string>();
  const seen = new Set<string | undefined>();
  const source = requests.run('r-1', () =>
    sourceFor(
      new ReadableStream(
        {
          pull(controller) {
            seen.add(requests.getStore());
            if (seen.size > 1) controller.error(new Error('another request'));
            controller.enqueue(Buffer.alloc(1));
          },
          cancel: () => void seen.add(requests.getStore()),
        },
        { highWaterMark: 0 },
      ),
    ),
  );
  const sink = new NotedSink();
  requests.run('another', () => source.start(sink));
  await settle();
  requests.run('another', () => source.cancel('enough'));
  expect([...seen]).toEqual(['r-1']);
  expect(sink.length).toBeGreaterThan(0);
});

it('a source holds no more than a chunk while it is paused, of however many bytes', async () => {
  const endless = new Endless(1024 * 1024);
  const source = sourceFor(endless.stream);
  const sink = new NotedSink(() => source.pause());
  source.start(sink);
  await settle();
  expect(sink.chunks.length).toBeLessThanOrEqual(2);
  expect(endless.pulls).toBeLessThanOrEqual(3);
  source.cancel('enough');
});
