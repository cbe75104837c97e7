import { afterEach, describe, expect, it, vi } from 'vitest';
import { warnOfSkew } from '#shared/store/redis/clock-warning.ts';
import { createLogger } from '#shared/process/logger.ts';
import { RedisClock } from '#shared/store/redis/redis-clock.ts';

afterEach(() => void vi.useRealTimers());

/** A time source such as Redis, `offset` ms ahead of `performance.now()`. An answer takes `slowMs`. */
function source(offset: number): { offset: number; slowMs: number; time(): Promise<number[]> } {
  return {
    offset,
    slowMs: 0,
    async time() {
      const at = performance.now() + this.offset;
      if (this.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, this.slowMs));
      return [Math.floor(at / 1000), Math.floor((at % 1000) * 1000)];
    },
  };
}

const hour = 3_600_000;
const errorOf = (clock: RedisClock, { offset }: { readonly offset: number }): number =>
  Math.abs(clock.now() - (performance.now() + offset));

describe('the clock of Redis', () => {
  it("is the host's clock until it is measured", () => {
    const clock = new RedisClock(source(0));
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(50);
    expect(Math.abs(clock.aheadMs)).toBeLessThan(50);
  });

  it.each([-hour, -10_000, 0, 10_000, hour])('is followed if it differs by %i ms', async (ms) => {
    const redis = source(performance.timeOrigin + ms);
    const clock = new RedisClock(redis);
    await clock.measure();
    expect(errorOf(clock, redis)).toBeLessThan(50);
    expect(Math.abs(clock.aheadMs + ms)).toBeLessThan(50);
    expect(Math.abs(clock.toOwn(clock.now() + 1000) - Date.now() - 1000)).toBeLessThan(50);
    expect(Math.abs(clock.fromOwn(Date.now() + 1000) - clock.now() - 1000)).toBeLessThan(50);
  });

  it('is not changed by a slow round trip, which measures badly', async () => {
    const redis = source(performance.timeOrigin + hour);
    const clock = new RedisClock(redis);
    await clock.measure();
    const before = clock.at(0);
    redis.slowMs = 30;
    await clock.measure();
    expect(Math.abs(clock.at(0) - before)).toBeLessThan(5);
  });

  it('is followed if it is set back, and a deadline computed before stays', async () => {
    const redis = source(performance.timeOrigin);
    const clock = new RedisClock(redis);
    await clock.measure();
    const until = clock.at(clock.now() + 1000);
    redis.offset -= hour;
    await clock.measure();
    expect(errorOf(clock, redis)).toBeLessThan(50);
    expect(until - performance.now()).toBeLessThanOrEqual(1000);
  });

  it("is not changed if the host's clock is set", async () => {
    const redis = source(performance.timeOrigin);
    const clock = new RedisClock(redis);
    await clock.measure();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + hour });
    expect(errorOf(clock, redis)).toBeLessThan(50);
    expect(Math.abs(clock.aheadMs - hour)).toBeLessThan(50);
    await clock.measure();
    expect(errorOf(clock, redis)).toBeLessThan(50);
  });

  it.each([-hour, hour])('never goes back as measurements get better (%i ms off)', async (ms) => {
    const redis = source(performance.timeOrigin + ms);
    const clock = new RedisClock(redis);
    let last = Number.NEGATIVE_INFINITY;
    for (const slowMs of [20, 10, 5, 0]) {
      redis.slowMs = slowMs;
      await clock.measure();
      // The offset itself, which holds at any time.
      expect(-clock.at(0)).toBeGreaterThanOrEqual(last);
      last = -clock.at(0);
    }
  });
});

describe('a clock that is more than a second off', () => {
  it('causes one warning, and another one if it was right in between', async () => {
    const log = createLogger('test', 'silent');
    const warn = vi.spyOn(log, 'warn');
    const redis = source(performance.timeOrigin);
    const clock = new RedisClock(redis);
    warnOfSkew(clock, log);
    const warnings: number[] = [];
    for (const ms of [0, 900, 5000, 6000, -3000, 0, 5000]) {
      redis.offset = performance.timeOrigin + ms;
      await clock.measure();
      warnings.push(warn.mock.calls.length);
    }
    expect(warnings).toEqual([0, 0, 1, 1, 1, 1, 2]);
  });
});
