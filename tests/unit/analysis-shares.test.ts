import { describe, expect, it } from 'vitest';
import { bound, boundedOwner, simulateBounded } from '../analysis/bounded.ts';
import { boundedIds, gatewayChooses, seededIds } from '../analysis/choose.ts';
import { expectedShares, ringWith } from '../analysis/expected-shares.ts';
import { slotUse } from '../analysis/slots.ts';
import { strategies } from '../analysis/strategy.ts';
import type { Strategy } from '../analysis/strategy.ts';
import { seededRandom } from '../chaos/random.ts';

const named = (id: string): Strategy => {
  const strategy = strategies.find((each) => each.id === id);
  if (strategy === undefined) throw new Error(`no strategy ${id}`);
  return strategy;
};
const linear = named('linear').parameters;
const quadratic = named('quadratic').parameters;
const murmur3 = named('murmur3').parameters;

describe('the expected shares', () => {
  // Shares of 10000 that docs/ring.md promises; they are rounded, halves to even.
  it.each([
    [2, [9531, 469]],
    [3, [8437, 469, 1094]],
    [4, [8203, 469, 1016, 312]],
    [5, [7969, 312, 938, 312, 469]],
    [6, [7891, 312, 938, 312, 469, 78]],
  ])('are those of the assignment ring for N = %i', (count, shares) => {
    for (const [at, share] of expectedShares(ringWith(linear, count)).entries()) {
      expect(Math.abs(share * 10_000 - (shares[at] ?? 0))).toBeLessThanOrEqual(0.5 + 1e-9);
    }
  });

  it('add up to one', () => {
    const sum = expectedShares(ringWith(murmur3, 6)).reduce((total, share) => total + share, 0);
    expect(sum).toBeCloseTo(1, 12);
  });

  it('of S1 do not depend on the probing, as the document says', () => {
    const swapped = [2, 3, 4, 5, 6].filter((count) => {
      const [first, ...others] = expectedShares(ringWith(linear, count));
      const [same, ...swaps] = expectedShares(ringWith(quadratic, count));
      expect(same).toBe(first);
      return others.some((share, at) => Math.abs(share - (swaps[at] ?? 0)) > 0.001);
    });
    expect(swapped).toEqual([4, 5, 6]);
  });
});

it('finds the longest arc of the assignment ring', () => {
  const use = slotUse(ringWith(linear, 3));
  // Φ(1,0) = 26 is the first slot, Φ(3,8) = 114 is the last.
  expect(use).toMatchObject({ slots: 512, first: 26, last: 114, longestArc: 424, ownerOfArc: 'S1' });
  expect(use.requested).toBe(new Set(Array.from({ length: 512 }, (_, i) => (i * i) % 512)).size);
  expect(use.shareOfArc).toBeCloseTo(0.789, 3);
});

describe('bounded loads', () => {
  const ring = ringWith(linear, 3);

  it('leave a key with its owner while the owner has room', () => {
    expect(boundedOwner(ring, '123456', new Map())).toBe(ring.owner('123456'));
  });

  it('walk clockwise past replicas that are full', () => {
    const [owner = '', next = '', last = ''] = ring.successors('123456');
    // 60 requests are held, so the 61st may go to a replica with fewer than ceil(1.25 * 61 / 3) = 26.
    expect(
      boundedOwner(
        ring,
        '123456',
        new Map([
          [owner, 26],
          [next, 25],
          [last, 9],
        ]),
      ),
    ).toBe(next);
    expect(
      boundedOwner(
        ring,
        '123456',
        new Map([
          [owner, 26],
          [next, 26],
          [last, 8],
        ]),
      ),
    ).toBe(last);
  });

  it('are kept by a client that chooses an id of another replica', () => {
    const choose = boundedIds(ring, seededRandom(7));
    const held = new Map<string, number>();
    for (let at = 1; at <= 300; at += 1) {
      const { key = '' } = choose();
      const taker = ring.owner(key) ?? '';
      held.set(taker, (held.get(taker) ?? 0) + 1);
      expect(held.get(taker)).toBeLessThanOrEqual(Math.ceil((bound * at) / 3));
    }
    expect(held.size).toBe(3);
  });

  it('count only requests that have not ended', () => {
    const choose = boundedIds(ring, seededRandom(7));
    for (let at = 0; at < 300; at += 1) {
      const { key = '', owner, ended } = choose();
      expect(ring.owner(key)).toBe(owner);
      ended();
    }
  });

  it('are simulated within the bound, with the same result for the same seed', () => {
    const options = { requests: 20_000, inFlight: 64 };
    const counts = simulateBounded(ring, { ...options, random: seededRandom(1) });
    expect(counts).toEqual(simulateBounded(ring, { ...options, random: seededRandom(1) }));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20_000);
    // Rounding up to whole requests, and chance, allow a little more.
    expect((Math.max(...counts) * 3) / 20_000).toBeLessThan(bound * 1.05);
  });
});

it('draws the same ids for the same seed, and lets the gateway choose if there is no seed', () => {
  const ring = ringWith(murmur3, 3);
  const draw = (seed: number): string[] => {
    const choose = seededIds(ring, seededRandom(seed));
    return Array.from({ length: 20 }, () => choose().key ?? '');
  };
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
  for (const id of draw(3)) expect(id).toMatch(/^[1-9]\d{5}$/);
  expect(gatewayChooses().key).toBeUndefined();
});
