import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { BytesSource } from '../../worker/handlers/bytes-source.ts';
import { NotedSink } from '../fixtures/noted-sink.ts';

const chunkBytes = 64 * 1024;

/** Texts around the places where a chunk ends, with characters of one to four bytes. */
const longText = fc
  .tuple(
    fc.integer({ min: 21_800, max: 21_860 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }),
    fc.integer({ min: 1, max: 3 }),
  )
  .map(([before, part, times]) => ('x'.repeat(before) + part + '\ud83d\ude00\ud83d').repeat(times));

it('the chunks of a text are its UTF-8, in however many chunks', async () => {
  await fc.assert(
    fc.asyncProperty(longText, async (text) => {
      const sink = new NotedSink();
      new BytesSource(text).start(sink);
      expect(await sink.over).toEqual({ ended: true });
      expect(sink.whole.equals(Buffer.from(text, 'utf8'))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

it.each([0, 1, chunkBytes, chunkBytes + 1, 10 * chunkBytes])('%d bytes come in order', async (length) => {
  const bytes = Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31) % 251));
  const sink = new NotedSink();
  new BytesSource(bytes).start(sink);
  expect(sink.chunks).toEqual([]);
  expect(await sink.over).toEqual({ ended: true });
  expect(sink.whole.equals(bytes)).toBe(true);
  expect(Math.max(0, ...sink.chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(chunkBytes);
});

it.each(['text', 'bytes'])(
  'a pause stops at once, and a chunk is made when it is wanted (%s)',
  async (kind) => {
    const length = 10 * chunkBytes;
    const source = new BytesSource(kind === 'text' ? 'x'.repeat(length) : Buffer.alloc(length));
    const sink = new NotedSink(() => source.pause());
    source.start(sink);
    for (let chunks = 1; chunks <= 3; chunks += 1) {
      await Promise.resolve();
      expect(sink.chunks).toHaveLength(chunks);
      source.resume();
      source.resume();
      // Whoever resumes it is not called before that has returned.
      expect(sink.chunks).toHaveLength(chunks);
    }
  },
);

it('a source that is cancelled brings nothing more, and forgets its bytes', async () => {
  const source = new BytesSource(Buffer.alloc(10 * chunkBytes));
  const sink = new NotedSink(() => source.cancel());
  source.start(sink);
  await Promise.resolve();
  source.resume();
  await Promise.resolve();
  expect([sink.chunks.length, sink.outcome, source.body.length]).toEqual([1, undefined, 0]);
});
