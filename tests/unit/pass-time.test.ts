import { expect, it } from 'vitest';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import { PassTime } from '../../gateway/controller/pass-time.ts';

const lost = (since: number): ReplicaStatus => ({
  state: 'lost',
  since,
  lostAt: since - 5,
  generation: 1,
  failures: 2,
});

it('shifts remembered times if the clock of Redis was set, and leaves them otherwise', () => {
  let redis = 1_000_000;
  let local = 50;
  const time = new PassTime({ now: () => redis }, () => local);
  const pass = (redisMs: number, localMs: number): ReplicaStatus | undefined => {
    redis += redisMs;
    local += localMs;
    return time.begin(new Map([['S1', lost(redis - 300)]])).memory.get('S1');
  };
  expect(pass(0, 0)?.since).toBe(redis - 300);
  expect(pass(500, 500)?.since).toBe(redis - 300);
  expect(pass(700, 500)?.since).toBe(redis - 300);
  const back = pass(-3_600_000, 500);
  expect([back?.since, back?.lostAt]).toEqual([redis - 300 - 3_600_500, redis - 305 - 3_600_500]);
  expect(pass(500, 500)?.since).toBe(redis - 300);
  expect(pass(3_600_000, 500)?.since).toBe(redis - 300 + 3_599_500);
});

it('takes up to half a second for an error of measurement', () => {
  for (const [setByMs, movedMs] of [
    [500, 0],
    [501, 501],
    [-500, 0],
    [-501, -501],
  ] as const) {
    let redis = 1000;
    const time = new PassTime({ now: () => redis }, () => 0);
    time.begin(new Map());
    redis += setByMs;
    const { now, memory } = time.begin(new Map([['S1', lost(700)]]));
    expect([now, memory.get('S1')?.since]).toEqual([redis, 700 + movedMs]);
  }
});

it('compares with the clock of its own process, and shifts no time that is not there', () => {
  let redis = 1000;
  const time = new PassTime({ now: () => redis });
  const { lostAt: _, ...ready } = lost(700);
  time.begin(new Map());
  redis += 3_600_000;
  const moved = time.begin(new Map([['S1', ready]])).memory.get('S1');
  expect(moved?.since).toBeGreaterThan(3_500_000);
  expect(moved).not.toHaveProperty('lostAt');
});
