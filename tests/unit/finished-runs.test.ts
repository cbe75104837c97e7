import * as fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FinishedRuns } from '../../worker/run/finished-runs.ts';
import { bytesPerId, RecentIds } from '../../worker/run/recent-ids.ts';

describe('RecentIds', () => {
  it('holds the same ids as a plain list, whatever is added and forgotten', () => {
    const step = fc.record({
      add: fc.integer({ min: 0, max: 900 }),
      forget: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const ids = new RecentIds();
        let model: { id: string; time: number }[] = [];
        const gone: string[] = [];
        let time = 0;
        for (const { add, forget } of steps) {
          for (let count = 0; count < add; count += 1) {
            const id = `${randomUUID()}.S1`;
            ids.add(id, (time += 1));
            model.push({ id, time });
          }
          const until = time * forget;
          ids.forgetBefore(until);
          gone.push(...model.filter((each) => each.time < until).map(({ id }) => id));
          model = model.filter((each) => each.time >= until);
          expect(ids.size).toBe(model.length);
          expect(ids.capacity).toBeLessThanOrEqual(Math.max(1024, model.length * 8 + 8192));
        }
        expect(model.every(({ id }) => ids.has(id))).toBe(true);
        expect(gone.some((id) => ids.has(id))).toBe(false);
      }),
    );
  });

  it('distinguishes ids that differ in any one character', () => {
    const ids = new RecentIds();
    const id = `${randomUUID()}.S1`;
    ids.add(id, 0);
    for (let at = 0; at < id.length; at += 1) {
      expect(ids.has(`${id.slice(0, at)}x${id.slice(at + 1)}`)).toBe(false);
    }
    expect([ids.has(id), ids.has(id.slice(1)), ids.has(`${id}1`), ids.has('')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('takes 32 bytes per id, and 32 MiB for a million ids', () => {
    const ids = new RecentIds();
    for (let at = 0; at < 1_000_000; at += 1) ids.add(String(at), at);
    expect(ids.capacity * bytesPerId).toBe(32 * 1024 * 1024);
    ids.forgetBefore(999_990);
    while (ids.capacity > 1024) ids.forgetBefore(999_990);
    expect([ids.size, ids.has('999999'), ids.has('5')]).toEqual([10, true, false]);
  });
});

describe('FinishedRuns', () => {
  it('keeps an id for the given time from the end of its run', () => {
    const finished = new FinishedRuns(1000, 60_000);
    for (let at = 0; at < 300_000; at += 1) {
      finished.add(`id-${at}`, at * 10);
      expect(finished.size).toBeLessThanOrEqual(6001);
    }
    expect(finished.has('id-299999')).toBe(true);
    expect(finished.has('id-294000')).toBe(true);
    expect(finished.has('id-293998')).toBe(false);
  });

  it('has no room at its limit, drops no id early, and has room again after the given time', () => {
    const finished = new FinishedRuns(10, 1000);
    for (let at = 0; at < 12; at += 1) finished.add(`id-${at}`, at);
    expect(finished.hasRoom(1000)).toBe(false);
    expect(finished.has('id-0')).toBe(true);
    expect(finished.hasRoom(1002)).toBe(false);
    expect(finished.hasRoom(1003)).toBe(true);
    expect(finished.size).toBe(9);
  });

  it('makes a request wait until there is room or until the deadline', async () => {
    const finished = new FinishedRuns(1, 200);
    const started = performance.now();
    finished.add('one', started);
    await finished.waitForRoom(performance.now() + 50);
    expect(finished.has('one')).toBe(true);
    await finished.waitForRoom(performance.now() + 10_000);
    expect(performance.now() - started).toBeGreaterThanOrEqual(200);
    expect(finished.size).toBe(0);
  });
});
