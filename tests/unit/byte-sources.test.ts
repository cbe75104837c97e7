import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BytesSource } from '../../worker/handlers/bytes-source.ts';
import type { ByteSink, ByteSource } from '../../worker/handlers/handler.ts';
import { ReadableSource } from '../../worker/handlers/readable-source.ts';

/** Notes what it gets, and pauses its source after each chunk if it is to. */
class NotedSink implements ByteSink {
  readonly notes: string[] = [];
  readonly #source: ByteSource;
  readonly #pauses: boolean;

  constructor(source: ByteSource, pauses = false) {
    this.#source = source;
    this.#pauses = pauses;
  }

  bytes(chunk: Uint8Array): void {
    this.notes.push(Buffer.from(chunk).toString());
    if (this.#pauses) this.#source.pause();
  }

  end(): void {
    this.notes.push('(end)');
  }

  fail(error: unknown): void {
    this.notes.push(`(${error instanceof Error ? error.message : String(error)})`);
  }
}

/** @returns what a source brings until it has nothing more for now. */
async function begun(source: ByteSource, pauses = false): Promise<NotedSink> {
  const sink = new NotedSink(source, pauses);
  source.start(sink);
  expect(sink.notes).toEqual([]);
  await turn();
  return sink;
}

/** Waits until so many turns of the event loop are over. */
async function turns(count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) await turn();
}

/** A stream whose test writes into it. */
class Written {
  readonly readable: ReadableStream<unknown>;
  pulls = 0;
  cancelled: unknown;
  #controller: ReadableStreamDefaultController<unknown> | undefined;

  constructor() {
    this.readable = new ReadableStream<unknown>(
      {
        start: (controller) => void (this.#controller = controller),
        pull: () => void (this.pulls += 1),
        cancel: (reason) => void (this.cancelled = reason),
      },
      { highWaterMark: 0 },
    );
  }

  write(value: unknown): void {
    this.#controller?.enqueue(value);
  }

  close(): void {
    this.#controller?.close();
  }

  error(reason: unknown): void {
    this.#controller?.error(reason);
  }
}

describe.each([
  ['bytes that are there', (text: string) => new BytesSource(Buffer.from(text))],
  ['a stream', (text: string) => new ReadableSource(new Blob([text]).stream())],
] as const)('a source of %s', (_, make) => {
  it('brings all of them after its start, and ends', async () => {
    const { notes } = await begun(make('abc'));
    await expect.poll(() => notes).toEqual(['abc', '(end)']);
  });

  it('may be empty', async () => {
    const { notes } = await begun(make(''));
    await expect.poll(() => notes).toEqual(['(end)']);
  });

  it('does not end while it is paused', async () => {
    const source = make('abc');
    const { notes } = await begun(source, true);
    await expect.poll(() => notes).toEqual(['abc']);
    await turns(3);
    expect(notes).toEqual(['abc']);
    source.resume();
    await expect.poll(() => notes).toEqual(['abc', '(end)']);
  });

  it('brings nothing once it is cancelled', async () => {
    const source = make('abc');
    const sink = new NotedSink(source);
    source.start(sink);
    source.cancel('no use');
    source.resume();
    await turns(3);
    expect(sink.notes).toEqual([]);
  });
});

describe('a source of a stream', () => {
  it('brings each chunk as it comes', async () => {
    const written = new Written();
    const { notes } = await begun(new ReadableSource(written.readable));
    written.write(Buffer.from('a'));
    await turn();
    expect(notes).toEqual(['a']);
    written.write(new Uint8Array(0));
    written.write(Buffer.from('b'));
    written.close();
    await turn();
    expect(notes).toEqual(['a', 'b', '(end)']);
  });

  it('pulls nothing while it is paused, and brings at most the chunk that it waited for', async () => {
    const written = new Written();
    const source = new ReadableSource(written.readable);
    const { notes } = await begun(source);
    source.pause();
    source.pause();
    written.write(Buffer.from('a'));
    await turn();
    const { pulls } = written;
    written.write(Buffer.from('b'));
    await turn();
    expect([notes, written.pulls]).toEqual([['a'], pulls]);
    source.resume();
    source.resume();
    await turn();
    expect(notes).toEqual(['a', 'b']);
  });

  it('tells the stream why it is cancelled, before and after its start', async () => {
    const [waiting, started] = [new Written(), new Written()];
    new ReadableSource(waiting.readable).cancel('early');
    const source = new ReadableSource(started.readable);
    const { notes } = await begun(source);
    source.cancel('late');
    await turn();
    expect([waiting.cancelled, started.cancelled, notes]).toEqual(['early', 'late', []]);
  });

  it('fails with its stream, after what came before', async () => {
    const written = new Written();
    const { notes } = await begun(new ReadableSource(written.readable));
    written.write(Buffer.from('a'));
    await turn();
    written.error(new Error('broken'));
    await turn();
    expect(notes).toEqual(['a', '(broken)']);
  });

  it('fails if a chunk is not bytes, and cancels the stream', async () => {
    const written = new Written();
    const { notes } = await begun(new ReadableSource(written.readable));
    written.write('text');
    await turn();
    expect(notes).toEqual(['(the body of a Response must be a stream of bytes)']);
    expect(written.cancelled).toBeInstanceOf(TypeError);
  });

  it('fails if the stream has another reader', async () => {
    const { readable } = new Written();
    readable.getReader();
    const { notes } = await begun(new ReadableSource(readable));
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/lock/i);
  });

  it('brings a thousand small chunks in their order', async () => {
    const written = new Written();
    const { notes } = await begun(new ReadableSource(written.readable));
    const texts = Array.from({ length: 1000 }, (_, at) => String(at));
    for (const text of texts) written.write(Buffer.from(text));
    written.close();
    await expect.poll(() => notes).toEqual([...texts, '(end)']);
  });
});
