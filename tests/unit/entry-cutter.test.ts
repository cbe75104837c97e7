import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventBoundaries } from '#shared/contract/event-boundaries.ts';
import type { KeptEntry } from '#shared/store/streams/kept-entry.ts';
import { EntryCutter } from '../../worker/stream/entry-cutter.ts';

const KiB = 1024;
const start = { offset: 0, lastId: '' };

function takeAll(cutter: EntryCutter): KeptEntry[] {
  const entries: KeptEntry[] = [];
  for (let entry = cutter.take(); entry !== undefined; entry = cutter.take()) entries.push(entry);
  return entries;
}

/** An event of so many bytes. */
const event = (bytes: number, id = ''): string => {
  const first = `${id === '' ? '' : `id: ${id}\n`}data: `;
  return `${first}${'x'.repeat(bytes - first.length - 2)}\n\n`;
};

describe('entries of a kept stream of events', () => {
  it('have all bytes once and in order, at most 64 KiB each, and end between two events', () => {
    const size = fc.oneof(fc.integer({ min: 20, max: 300 }), fc.integer({ min: 20, max: 90 * KiB }));
    const piece = fc.integer({ min: 1, max: 100 * KiB });
    fc.assert(
      fc.property(
        fc.array(size, { maxLength: 8 }),
        fc.array(piece, { minLength: 1, maxLength: 8 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
        (sizes, pieces, takes) => {
          const bytes = Buffer.from(sizes.map((bytesOf, at) => event(bytesOf, String(at))).join(''));
          const cutter = new EntryCutter(true, start);
          const entries: KeptEntry[] = [];
          for (let [at, turn] = [0, 0]; at < bytes.length; turn += 1) {
            const next = at + (pieces[turn % pieces.length] ?? 1);
            cutter.add(bytes.subarray(at, next));
            at = next;
            if (takes[turn % takes.length] === true) entries.push(...takeAll(cutter));
          }
          cutter.complete();
          entries.push(...takeAll(cutter));
          expect(Buffer.concat(entries.map((entry) => entry.bytes)).equals(bytes)).toBe(true);
          expect([cutter.waitingBytes, cutter.received]).toEqual([0, bytes.length]);
          const boundaries = new EventBoundaries();
          const isLong = sizes.some((bytesOf) => bytesOf > 64 * KiB);
          let end = 0;
          for (const entry of entries) {
            boundaries.add(entry.bytes);
            end += entry.bytes.length;
            expect(entry.end).toBe(end);
            expect(entry.bytes.length).toBeLessThanOrEqual(64 * KiB);
            expect(entry.bytes.length).toBeGreaterThan(0);
            expect(entry.lastId).toBe(boundaries.end === end ? boundaries.lastId : undefined);
            if (!isLong) expect(entry.lastId).toBeDefined();
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('wait until the event has ended', () => {
    const cutter = new EntryCutter(true, start);
    cutter.add(Buffer.from('id: 1\ndata: a\n'));
    expect([cutter.hasEntry, cutter.take()]).toEqual([false, undefined]);
    cutter.add(Buffer.from('\ndata: b\n'));
    expect(cutter.take()).toEqual({ bytes: Buffer.from('id: 1\ndata: a\n\n'), end: 15, lastId: '1' });
    expect(cutter.take()).toBeUndefined();
    cutter.complete();
    expect(cutter.take()).toEqual({ bytes: Buffer.from('data: b\n'), end: 23, lastId: undefined });
    expect(cutter.lastId).toBe('1');
  });

  it('are cut where an event is longer than an entry', () => {
    const cutter = new EntryCutter(true, start);
    cutter.add(Buffer.from(event(100, '1') + event(100 * KiB, '2') + event(100, '3')));
    const entries = takeAll(cutter);
    expect(entries.map(({ bytes, lastId }) => [bytes.length, lastId])).toEqual([
      [100, '1'],
      [64 * KiB, undefined],
      [36 * KiB + 100, '3'],
    ]);
  });

  it('go on where an earlier run has left off', () => {
    const cutter = new EntryCutter(true, { offset: 1000, lastId: 'x' });
    cutter.add(Buffer.from('data: a\n\n'));
    expect(cutter.take()).toMatchObject({ end: 1009, lastId: 'x' });
  });
});

describe('entries of any other kept stream', () => {
  it('have what is there, and no id', () => {
    const cutter = new EntryCutter(false, start);
    expect(cutter.hasEntry).toBe(false);
    cutter.add(Buffer.from('a\n\n'));
    cutter.add(Buffer.alloc(0));
    cutter.add(Buffer.from('b'));
    expect(cutter.take()).toEqual({ bytes: Buffer.from('a\n\nb'), end: 4, lastId: undefined });
    cutter.add(Buffer.alloc(150 * KiB));
    expect(takeAll(cutter).map(({ bytes }) => bytes.length / KiB)).toEqual([64, 64, 22]);
  });

  it('of 100,000 small pieces are cut in a moment', () => {
    const cutter = new EntryCutter(false, start);
    for (let at = 0; at < 100_000; at += 1) cutter.add(Buffer.from('0123456789'));
    expect(takeAll(cutter)).toHaveLength(16);
  });
});
