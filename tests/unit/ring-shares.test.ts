import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ring, RingMember } from '../../shared/ring/ring.ts';
import { movedShare, sharesOf } from '../../shared/ring/shares.ts';
import { createRing, defaultParameters, placeMember } from '../../shared/ring/strategies.ts';

const murmur3 = defaultParameters('murmur3');
const assignment = defaultParameters('assignment');

function ringOf(parameters: typeof murmur3, names: readonly string[], weight = 1): Ring {
  let members: readonly RingMember[] = [];
  for (const [at, name] of names.entries())
    members = [...members, placeMember(parameters, members, { name, joined: at + 1, weight })];
  return createRing(parameters, members);
}

const named = (count: number): string[] => Array.from({ length: count }, (_, at) => `S${at + 1}`);

describe.each([
  { title: 'murmur3', parameters: murmur3, most: 40 },
  {
    title: 'murmur3 with one virtual node',
    parameters: defaultParameters('murmur3', { virtualNodes: 1 }),
    most: 40,
  },
  { title: 'assignment', parameters: assignment, most: 50 },
])('the shares of a ring ($title)', ({ parameters, most }) => {
  it('name each replica once and add up to one', () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: most }), (count) => {
        const shares = sharesOf(ringOf(parameters, named(count)));
        expect([...shares.keys()]).toEqual(named(count));
        expect([...shares.values()].reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
        expect([...shares.values()].every((share) => share >= 0 && share <= 1)).toBe(true);
      }),
    );
  });

  it('are those of many keys', () => {
    const ring = ringOf(parameters, named(4));
    const keys = Array.from({ length: 40_000 }, (_, at) => `user-${at}`);
    const counts = new Map<string, number>();
    for (const key of keys) counts.set(ring.owner(key) ?? '', (counts.get(ring.owner(key) ?? '') ?? 0) + 1);
    for (const [name, share] of sharesOf(ring))
      expect(Math.abs((counts.get(name) ?? 0) / keys.length - share)).toBeLessThan(0.012);
  });

  it('move as many as a replica had if it leaves', () => {
    const before = ringOf(parameters, named(5));
    const after = createRing(
      parameters,
      before.members.filter(({ name }) => name !== 'S3'),
    );
    expect(movedShare(before, after)).toBeCloseTo(sharesOf(before).get('S3') ?? 0, 9);
    expect(movedShare(after, before)).toBeCloseTo(sharesOf(before).get('S3') ?? 0, 9);
    expect(movedShare(before, before)).toBe(0);
    expect(movedShare(before, createRing(parameters, []))).toBe(1);
  });

  it('are none on an empty ring, and all of it for one replica', () => {
    expect([...sharesOf(createRing(parameters, []))]).toEqual([]);
    expect([...sharesOf(ringOf(parameters, ['S1']))]).toEqual([['S1', 1]]);
  });
});

it('gives a replica of weight 3 about three times the share', () => {
  const members = [
    { name: 'S1', joined: 1, weight: 1 },
    { name: 'S2', joined: 2, weight: 3 },
  ];
  const share = sharesOf(createRing(murmur3, members)).get('S2') ?? 0;
  expect(share).toBeGreaterThan(0.65);
  expect(share).toBeLessThan(0.85);
});

it('are those of the assignment ring that docs/ring.md promises', () => {
  const shares = [...sharesOf(ringOf(assignment, named(3))).values()];
  expect(shares.map((share) => share.toFixed(4))).toEqual(['0.8438', '0.0469', '0.1094']);
});
