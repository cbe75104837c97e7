import { describe, expect, it } from 'vitest';
import { circleOf } from '#shared/ring/clockwise.ts';
import { hashKey } from '#shared/ring/key-hash.ts';
import type { Ring, RingMember } from '#shared/ring/ring.ts';
import { movedShare, sharesOf } from '#shared/ring/shares.ts';
import { createRing, defaultParameters } from '#shared/ring/strategies.ts';
import { circleOfMembers } from '#shared/ring/virtual-nodes.ts';
import { keyWithHash } from '../fixtures/murmur3-inverse.ts';

const hashes = 2 ** 32;
const one = defaultParameters('murmur3', { virtualNodes: 1 });

/** @returns the name of a replica whose first virtual node is at a position. */
const nameAt = (position: number, variant = 0): string => keyWithHash(position, '#0', variant);

/** @returns a ring with one virtual node at each position. */
function ringAt(...positions: readonly number[]): Ring {
  return createRing(one, membersAt(...positions));
}

function membersAt(...positions: readonly number[]): RingMember[] {
  return positions.map((position, at) => ({ name: nameAt(position), joined: at + 1, weight: 1 }));
}

it.each([0, 1, 12_345, 2 ** 31 - 1, 2 ** 31, hashes - 1])('makes keys with the hash %d', (hash) => {
  expect(hashKey(keyWithHash(hash))).toBe(hash);
  expect(hashKey(`${nameAt(hash, 7)}#0`)).toBe(hash);
});

describe('the owner of a key', () => {
  const [early, late] = [nameAt(10), nameAt(20)];

  it.each([
    { hash: 0, owner: early },
    { hash: 10, owner: early },
    { hash: 11, owner: late },
    { hash: 20, owner: late },
    { hash: 21, owner: early },
    { hash: hashes - 1, owner: early },
  ])('is the first node at or after its hash ($hash)', ({ hash, owner }) => {
    const key = keyWithHash(hash);
    const ring = ringAt(20, 10);
    expect(ring.owner(key)).toBe(owner);
    expect([...ring.successors(key)]).toEqual(owner === early ? [early, late] : [late, early]);
    expect(ring.explain(key)).toEqual({
      key,
      position: hash,
      owner,
      virtualNode: { name: owner, index: 0, position: owner === early ? 10 : 20 },
      successors: owner === early ? [early, late] : [late, early],
    });
  });

  it('is nobody on an empty ring', () => {
    const ring = ringAt();
    expect(ring.owner('key')).toBeUndefined();
    expect(ring.explain('key')).toBeUndefined();
    expect([...ring.successors('key')]).toEqual([]);
  });

  it('is, of nodes at one position, that of the first name by code units', () => {
    const names = [1, 2, 3, 4].map((variant) => nameAt(50, variant));
    const members = names.map((name, at) => ({ name, joined: at + 1, weight: 1 }));
    const [first] = names.toSorted((a, b) => (a < b ? -1 : 1));
    for (const order of [members, members.toReversed()])
      expect(createRing(one, order).owner(keyWithHash(50))).toBe(first);
  });

  it('comes once among the successors, however many nodes each replica has', () => {
    const eight = defaultParameters('murmur3', { virtualNodes: 8 });
    const ring = createRing(eight, membersAt(10, 20, 30));
    const names = ring.members.map(({ name }) => name);
    for (let key = 0; key < 50; key += 1)
      expect([...ring.successors(`${key}`)].toSorted()).toEqual(names.toSorted());
  });

  it('is one with one node if its part of a weight is less than half a node', () => {
    const four = defaultParameters('murmur3', { virtualNodes: 4 });
    const ring = createRing(four, [{ name: 'S1', joined: 1, weight: 1, share: 0.1 }]);
    const found = Array.from({ length: 50 }, (_, at) => ring.explain(`${at}`)?.virtualNode.index);
    expect(new Set(found)).toEqual(new Set([0]));
  });
});

describe('the hashes of a ring', () => {
  it('belong to the node that is at or after them', () => {
    expect(ringAt(10, 20).hashSpace()).toEqual({
      size: hashes,
      segments: [
        { owner: nameAt(10), end: 11 },
        { owner: nameAt(20), end: 21 },
        { owner: nameAt(10), end: hashes },
      ],
    });
  });

  it('belong to nobody on an empty ring', () => {
    expect(ringAt().hashSpace()).toEqual({ size: hashes, segments: [] });
  });

  it('have no segment after a node at the last hash, and one of its own for the first hash', () => {
    expect(ringAt(0, hashes - 1).hashSpace().segments).toEqual([
      { owner: nameAt(0), end: 1 },
      { owner: nameAt(hashes - 1), end: hashes },
    ]);
  });

  it('give no segment to the second of two nodes at one position', () => {
    const names = [nameAt(50, 1), nameAt(50, 2)].toSorted((a, b) => (a < b ? -1 : 1));
    const members = names.map((name, at) => ({ name, joined: at + 1, weight: 1 }));
    expect(createRing(one, [...members, ...membersAt(60)]).hashSpace().segments).toEqual([
      { owner: names[0], end: 51 },
      { owner: nameAt(60), end: 61 },
      { owner: names[0], end: hashes },
    ]);
  });

  it('are computed once', () => {
    const ring = ringAt(10);
    expect(ring.hashSpace()).toBe(ring.hashSpace());
  });
});

describe('shares', () => {
  it('are exact', () => {
    const shares = sharesOf(ringAt(9, 29, hashes / 2 - 1));
    expect([...shares]).toEqual([
      [nameAt(9), (10 + hashes / 2) / hashes],
      [nameAt(29), 20 / hashes],
      [nameAt(hashes / 2 - 1), (hashes / 2 - 30) / hashes],
    ]);
  });

  it('are zero for a replica that owns nothing', () => {
    const members = [1, 2].map((variant) => ({ name: nameAt(5, variant), joined: variant, weight: 1 }));
    expect([...sharesOf(createRing(one, members)).values()].toSorted((a, b) => a - b)).toEqual([0, 1]);
  });

  it.each([
    { before: [9, 29], after: [9, 29, 19], moved: 10 },
    { before: [9, 29, 19], after: [9, 29], moved: 10 },
    { before: [9, 29], after: [9, 39], moved: 30 },
    { before: [9, 29], after: [9, 29], moved: 0 },
    { before: [9], after: [], moved: hashes },
    { before: [], after: [9], moved: hashes },
    { before: [], after: [], moved: 0 },
  ])('that move from $before to $after', ({ before, after, moved }) => {
    expect(movedShare(ringAt(...before), ringAt(...after))).toBe(moved / hashes);
  });
});

describe('the circle of a ring', () => {
  const counted = [
    { name: 'S2', nodes: 3 },
    { name: 'S1', nodes: 5 },
    { name: nameAt(50, 2), nodes: 1 },
    { name: nameAt(50, 1), nodes: 1 },
  ];
  const expected = circleOf(
    counted.flatMap(({ name, nodes }) =>
      Array.from({ length: nodes }, (_, index) => ({ name, index, position: hashKey(`${name}#${index}`) })),
    ),
  );

  it('is the same for members in any order', () => {
    expect(circleOfMembers(counted)).toEqual(expected);
    expect(circleOfMembers(counted.toReversed())).toEqual(expected);
  });

  it('is the same with more nodes than a number has room for', () => {
    for (const most of [9, 10, 11]) expect(circleOfMembers(counted, most)).toEqual(expected);
  });

  it('has fewer nodes of a replica after it had more, and more again', () => {
    for (const nodes of [8, 2, 12])
      expect(circleOfMembers([{ name: 'S7', nodes }])).toEqual(
        circleOf(
          Array.from({ length: nodes }, (_, index) => ({
            name: 'S7',
            index,
            position: hashKey(`S7#${index}`),
          })),
        ),
      );
  });
});
