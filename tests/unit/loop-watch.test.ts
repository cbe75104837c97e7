import { describe, expect, it } from 'vitest';
import { LoopWatch } from '../../worker/lease/loop-watch.ts';
import { SharedTime } from '../../worker/lease/shared-time.ts';

describe('the watch over an event loop', () => {
  it('measures for how long the loop has not turned', () => {
    const watch = new LoopWatch(50);
    const checks = [
      [1, 0],
      [1, 50],
      [1, 100],
      [2, 150],
      [2, 210],
      [2, 280],
    ] as const;
    expect(checks.map(([turns, at]) => watch.check(turns, 1000 + at))).toEqual([0, 50, 100, 0, 60, 130]);
  });

  it('counts little of the time in which the whole process was frozen', () => {
    const watch = new LoopWatch(50);
    watch.check(1, 0);
    expect(watch.check(1, 60_000)).toBe(100);
    expect(watch.check(2, 60_050)).toBe(0);
  });

  it('goes on when the counter wraps around', () => {
    const watch = new LoopWatch(50);
    watch.check(2 ** 31 - 1, 0);
    expect(watch.check(-(2 ** 31), 50)).toBe(0);
  });
});

describe('a time that threads share', () => {
  it('is centuries ago until it is set, and again after it is cleared', () => {
    const time = new SharedTime();
    const otherThread = new SharedTime(time.buffer);
    expect(otherThread.ageMs).toBeGreaterThan(1e12);
    time.set(process.hrtime.bigint() - 5_000_000_000n);
    expect(otherThread.ageMs).toBeGreaterThanOrEqual(5000);
    expect(otherThread.ageMs).toBeLessThan(6000);
    otherThread.clear();
    expect(time.ageMs).toBeGreaterThan(1e12);
  });
});
