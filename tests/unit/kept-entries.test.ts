import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventBoundaries } from '#shared/contract/event-boundaries.ts';
import { KeptEntries } from '../../worker/stream/kept-entries.ts';
import type { KeptEntry } from '../../worker/stream/kept-entries.ts';

const start = { offset: 0, lastId: '' };
const maxBytes = 64 * 1024;

/** @returns an entry in short: its text, its end, whether it is a boundary, and the last id. */
function shown({ bytes, end, isBoundary, lastId }: KeptEntry): (string | number | boolean)[] {
  return [bytes.toString(), end, isBoundary, lastId];
}

describe('the entries of a kept stream', () => {
  it('have whole events, and say the last id', () => {
    const entries = new KeptEntries(start, true);
    entries.add(Buffer.from('id: 1\ndata: a\n\ndata: b'));
    expect(entries.take().map(shown)).toEqual([['id: 1\ndata: a\n\n', 15, true, '1']]);
    expect(entries.take()).toEqual([]);
    entries.add(Buffer.from('\n'));
    expect(entries.take()).toEqual([]);
    entries.add(Buffer.from('\n'));
    expect(entries.take().map(shown)).toEqual([['data: b\n\n', 24, true, '1']]);
  });

  it('have what is left at the end, also within an event', () => {
    const entries = new KeptEntries(start, true);
    entries.add(Buffer.from('data: a\n\ndata: b'));
    expect(entries.finish().map(shown)).toEqual([
      ['data: a\n\n', 9, true, ''],
      ['data: b', 16, false, ''],
    ]);
    expect(entries.finish()).toEqual([]);
  });

  it('go on where a stream is taken up', () => {
    const entries = new KeptEntries({ offset: 100, lastId: '7' }, true);
    entries.add(Buffer.from('data: a\n\n'));
    expect(entries.take().map(shown)).toEqual([['data: a\n\n', 109, true, '7']]);
  });

  it('are cut anywhere if there are no events, and are no boundaries then', () => {
    const entries = new KeptEntries(start, false);
    entries.add(Buffer.from('abc'));
    expect(entries.take().map(shown)).toEqual([['abc', 3, false, '']]);
  });

  it('have at most 64 KiB, and all bytes in their order, however these come', () => {
    const event = fc.nat({ max: 100_000 }).map((length) => `data: ${'x'.repeat(length)}\n\n`);
    const cuts = fc.array(fc.integer({ min: 1000, max: 100_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 5 }), cuts, fc.boolean(), (events, sizes, isEventStream) => {
        const bytes = Buffer.from(events.join(''));
        const entries = new KeptEntries(start, isEventStream);
        const all: KeptEntry[] = [];
        for (let [at, turn] = [0, 0]; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          entries.add(bytes.subarray(at, at + size));
          at += size;
          if (turn % 2 === 0) all.push(...entries.take());
        }
        all.push(...entries.finish());
        expect(Buffer.concat(all.map((entry) => entry.bytes)).equals(bytes)).toBe(true);
        const boundaries = new EventBoundaries();
        let end = 0;
        for (const entry of all) {
          end += entry.bytes.length;
          expect(entry.end).toBe(end);
          expect(entry.bytes.length).toBeLessThanOrEqual(maxBytes);
          boundaries.add(entry.bytes);
          expect(entry.isBoundary).toBe(isEventStream && boundaries.end === end);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('end within an event only if it is longer than an entry', () => {
    const entries = new KeptEntries(start, true);
    const short = `data: ${'x'.repeat(40_000)}\n\n`;
    entries.add(Buffer.from(short + short));
    entries.add(Buffer.from(`data: ${'y'.repeat(2 * maxBytes)}\n\n`));
    expect(entries.finish().map(({ bytes, isBoundary }) => [bytes.length, isBoundary])).toEqual([
      [short.length, true],
      [short.length, true],
      [maxBytes, false],
      [maxBytes, false],
      [8, true],
    ]);
  });
});
