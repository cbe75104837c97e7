import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rateText } from '#shared/contract/rate.ts';
import { createLogger } from '#shared/process/logger.ts';
import { KeyRates } from '#shared/store/limits/key-rates.ts';
import type { Counted } from '#shared/store/limits/key-rates.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');
const hour = { windowS: 3600 };

/** Counts so many requests at once. @returns what became of each. */
function countAll(rates: KeyRates, requests: number, limits: Parameters<KeyRates['count']>[0]) {
  return Promise.all(Array.from({ length: requests }, () => rates.count(limits)));
}

const allowed = (all: readonly Counted[]): number => all.filter(({ isAllowed }) => isAllowed).length;

/** Moves the stored time of a limit, as if so many seconds had passed; negative: the clock was set back. */
async function pass(key: string, seconds: number): Promise<void> {
  const { redis } = system();
  const stored = await redis.get(key);
  if (stored !== null) await redis.set(key, String(Number(stored) - seconds * 1_000_000), 'KEEPTTL');
}

describe('counting the requests of a hash key', () => {
  it('allows as many as a bucket of the limit that fills evenly, under both limits', async () => {
    const { connection, keys } = system();
    const [all, own] = [
      { requests: 100, ...hour },
      { requests: 60, ...hour },
    ];
    // Whole steps of 12 s: the time that the test takes never completes a request of 36 or 60 s.
    const wait = fc.record({ steps: fc.integer({ min: 1, max: 200 }) });
    const count = fc.record({ requests: fc.integer({ min: 1, max: 50 }), asks: fc.boolean() });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(wait, count), { maxLength: 15 }), async (actions) => {
        const digest = `model-${(run += 1)}`;
        const rates = new KeyRates(connection, log);
        const cells = [keys.keyRate(digest), keys.keyRate(digest, rateText(own))];
        // How far the theoretical arrival time of each limit is ahead, in s.
        const ahead = [0, 0];
        for (const action of actions) {
          if ('steps' in action) {
            for (const [at, cell] of cells.entries()) {
              // oxlint-disable-next-line no-await-in-loop -- one after the other
              await pass(cell, action.steps * 12);
              ahead[at] = Math.max(0, (ahead[at] ?? 0) - action.steps * 12);
            }
            continue;
          }
          const { requests, asks } = action;
          const free = [36, 60].map((interval, at) =>
            Math.floor((3600 - (ahead[at] ?? 0)) / interval + 1e-6),
          );
          const expected = Math.min(requests, ...(asks ? free : free.slice(0, 1)));
          // oxlint-disable-next-line no-await-in-loop -- one after the other
          const answers = await countAll(rates, requests, { digest, all, own: asks ? own : undefined });
          expect(allowed(answers)).toBe(expected);
          expect(answers.at(-1)?.all?.remaining).toBe((free[0] ?? 0) - expected);
          ahead[0] = (ahead[0] ?? 0) + expected * 36;
          if (asks) ahead[1] = (ahead[1] ?? 0) + expected * 60;
        }
      }),
      { numRuns: 60 },
    );
  });

  it('tells requests of one call apart: the first ones are allowed, each leaves one less', async () => {
    const rates = new KeyRates(system().connection, log);
    const answers = await countAll(rates, 5, { digest: 'd', all: { requests: 3, ...hour }, own: undefined });
    expect(answers.map(({ isAllowed }) => isAllowed)).toEqual([true, true, true, false, false]);
    expect(answers.map(({ all }) => all?.remaining)).toEqual([2, 1, 0, 0, 0]);
    expect(answers[0]?.all?.resetS).toBe(1200);
    expect(answers[4]?.all).toMatchObject({ resetS: 3600, nextS: 1200 });
  });

  it('blocks no key for longer than it would otherwise if the clock was set back', async () => {
    const { connection, keys, redis } = system();
    const rates = new KeyRates(connection, log);
    const limits = { digest: 'back', all: { requests: 10, windowS: 1 }, own: undefined };
    expect(allowed(await countAll(rates, 1, limits))).toBe(1);
    const cell = keys.keyRate('back');
    await pass(cell, -86_400);
    const [refused] = await countAll(rates, 1, limits);
    expect(refused).toMatchObject({ isAllowed: false, all: { remaining: 0, nextS: 1 } });
    await expect.poll(async () => allowed(await countAll(rates, 1, limits)), { timeout: 3000 }).toBe(1);
    expect(await redis.pttl(cell)).toBeLessThanOrEqual(1001);
  });

  it('keeps no key for longer than its window, and repairs one that is garbled', async () => {
    const { connection, keys, redis } = system();
    const rates = new KeyRates(connection, log);
    const cell = keys.keyRate('garbled');
    const limits = { digest: 'garbled', all: { requests: 2, windowS: 1 }, own: undefined };
    for (const value of ['text', 'nan', 'inf', '-1e400', '']) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await redis.set(cell, value);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await expect.poll(async () => allowed(await countAll(rates, 1, limits)), { timeout: 3000 }).toBe(1);
    }
    await redis.del(cell);
    await redis.lpush(cell, 'a list');
    expect(allowed(await countAll(rates, 3, limits))).toBe(2);
    await expect.poll(() => redis.exists(cell), { timeout: 3000 }).toBe(0);
  });
});
