import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRing, defaultParameters } from '#shared/ring/strategies.ts';
import type { Ring } from '#shared/ring/ring.ts';
import { capOf, totalOf, walk } from '../../gateway/load/bounded-load.ts';
import type { ReplicaLoad } from '../../gateway/load/bounded-load.ts';
import { loadsView } from '../../gateway/load/loads-view.ts';

const anyReplicas = fc.array(
  fc.record({
    weight: fc.integer({ min: 1, max: 8 }),
    concurrency: fc.integer({ min: 1, max: 20 }),
    load: fc.nat({ max: 200 }),
  }),
  { minLength: 1, maxLength: 12 },
);
const anyBound = fc.double({ min: 1.1, max: 10, noNaN: true });
const anyKeys = fc.array(fc.string({ maxLength: 4 }), { minLength: 1, maxLength: 200 });

type Known = Omit<ReplicaLoad, 'name' | 'hasRoom'>;

function replicasOf(known: readonly Known[]): Map<string, ReplicaLoad> {
  return new Map(known.map((each, at) => [`S${at + 1}`, { ...each, name: `S${at + 1}`, hasRoom: true }]));
}

function ringOf(replicas: ReadonlyMap<string, ReplicaLoad>): Ring {
  const parameters = defaultParameters('murmur3', { virtualNodes: 5 });
  const joined = (name: string): number => Number(name.slice(1));
  const members = [...replicas.values()].map(({ name, weight }) => ({ name, weight, joined: joined(name) }));
  return createRing(parameters, members);
}

describe('the cap of a replica', () => {
  it.each([
    ['an idle system: twice its concurrency', [0, 0, 0], 100, 1.5, 200],
    ['its share of all load, times the bound, rounded up', [90, 0, 0], 10, 1.5, 46],
    ['of a replica that is alone', [99], 1, 1.1, 111],
  ])('is %s', (_, loads, concurrency, bound, cap) => {
    const replicas = loads.map((load) => ({ load, weight: 1, concurrency }));
    expect(capOf({ weight: 1, concurrency }, totalOf(replicas), bound)).toBe(cap);
  });

  it('is in proportion to its weight', () => {
    const replicas = [1, 2, 5].map((weight) => ({ weight, load: 33, concurrency: 1 }));
    const caps = replicas.map((replica) => capOf(replica, totalOf(replicas), 2));
    expect(caps).toEqual([25, 50, 125]);
  });
});

describe('with accurate loads', () => {
  it('no replica gets past its cap, whatever the keys, unless all are at their caps', () => {
    fc.assert(
      fc.property(anyReplicas, anyBound, anyKeys, (known, bound, keys) => {
        const replicas = replicasOf(known);
        const ring = ringOf(replicas);
        for (const key of keys) {
          const total = totalOf(replicas.values());
          const { replica = '' } = walk(ring.successors(key), (name) => replicas.get(name), total, bound);
          const chosen = replicas.get(replica)!; // it is one of them
          const caps = [...replicas.values()].map((each) => each.load >= capOf(each, total, bound));
          const isBelow = chosen.load + 1 <= capOf(chosen, total, bound);
          expect([isBelow, caps.every(Boolean)]).not.toEqual([false, false]);
          replicas.set(replica, { ...chosen, load: chosen.load + 1 });
        }
      }),
    );
  });

  it('the first successor below its cap is taken, in every gateway, whatever the order of the members', () => {
    fc.assert(
      fc.property(anyReplicas, anyBound, fc.string(), (known, bound, key) => {
        const replicas = replicasOf(known);
        const total = totalOf(replicas.values());
        const loadOf = (name: string): ReplicaLoad | undefined => replicas.get(name);
        const { successors } = ringOf(replicas);
        const { replica, candidates } = walk(successors(key), loadOf, total, bound);
        const expected = [...successors(key)].find((name) => {
          const each = replicas.get(name)!; // a member
          return each.load < capOf(each, total, bound);
        });
        expect(replica).toBe(expected ?? [...successors(key)][0]);
        const order = [...successors(key)];
        expect(candidates.map(({ name }) => name)).toEqual(order.slice(0, candidates.length));
        const elsewhere = ringOf(new Map([...replicas].toReversed()));
        expect(walk(elsewhere.successors(key), loadOf, total, bound)).toEqual({ replica, candidates });
      }),
    );
  });

  it('requests of one key that spill land on as few replicas as can take them', () => {
    const replicas = replicasOf(Array.from({ length: 10 }, () => ({ weight: 1, concurrency: 2, load: 0 })));
    const ring = ringOf(replicas);
    const taken = new Map<string, number>();
    for (let at = 0; at < 12; at += 1) {
      const loadOf = (name: string): ReplicaLoad | undefined => replicas.get(name);
      const { replica = '' } = walk(ring.successors('hot'), loadOf, totalOf(replicas.values()), 1.5);
      replicas.set(replica, { ...replicas.get(replica)!, load: replicas.get(replica)!.load + 1 }); // members
      taken.set(replica, (taken.get(replica) ?? 0) + 1);
    }
    const [first, second, third] = ring.successors('hot');
    expect([...taken]).toEqual([
      [first, 4],
      [second, 4],
      [third, 4],
    ]);
  });
});

describe('a replica whose queue is full', () => {
  const full = { weight: 1, concurrency: 10, load: 0, hasRoom: false };

  it('is passed over, even if its load is below its cap', () => {
    const replicas = new Map([
      ['S1', { ...full, name: 'S1' }],
      ['S2', { ...full, name: 'S2', hasRoom: true }],
    ]);
    const { replica, candidates } = walk(['S1', 'S2'], (name) => replicas.get(name), totalOf([full]), 1.5);
    expect([replica, candidates.map(({ reason }) => reason)]).toEqual(['S2', ['queue full', 'below cap']]);
  });

  it('is passed over for one that has room, if no replica is below its cap', () => {
    const loaded = { ...full, hasRoom: true, load: 100 };
    const replicas = new Map([
      ['S1', { ...full, name: 'S1' }],
      ['S2', { ...loaded, name: 'S2' }],
      ['S3', { ...loaded, name: 'S3' }],
    ]);
    const loadOf = (name: string) => replicas.get(name);
    const { replica, candidates } = walk(replicas.keys(), loadOf, { load: 0, weight: 3 }, 1.5);
    const reasons = candidates.map(({ reason }) => reason);
    expect([replica, reasons]).toEqual(['S2', ['queue full', 'all at cap', 'at cap']]);
    const view = loadsView([...replicas.values()], 'loose', 1);
    expect(view?.takenBy).toBe('S2');
    expect(view?.candidates[1]?.why).toMatch(/no replica with room is below its cap, so the first of them/);
  });

  it('gets the request if it is the owner and nobody can take it', () => {
    const { replica, candidates } = walk(['S1', 'S2'], (name) => ({ ...full, name }), totalOf([full]), 1.5);
    expect([replica, candidates.map(({ reason }) => reason)]).toEqual(['S1', ['queue full', 'queue full']]);
  });
});

it('explains where a key goes, in words, for each replica in the order of the walk', () => {
  const [busy, free, last] = [20, 1, 0].map((load, at) => {
    return { name: `S${at + 1}`, weight: 1, concurrency: 5, load, hasRoom: true };
  });
  const view = loadsView([busy!, free!, last!], 'strict', 1.5); // there are three
  expect(view).toMatchObject({ affinity: 'strict', bound: 1.5, load: 21, takenBy: 'S2' });
  expect(view?.candidates.map(({ name, cap, outcome, why }) => [name, cap, outcome, why])).toEqual([
    ['S1', 11, 'passed', 'It has 20 requests, and its cap is 11.'],
    ['S2', 11, 'taken', 'It has 1 request, below its cap of 11.'],
    ['S3', 11, 'not asked', 'It has 0 requests, and its cap is 11; a replica before it takes the request.'],
  ]);
});

it('a walk leaves out replicas whose loads are unknown, and finds none if there are no others', () => {
  const known: ReplicaLoad = { name: 'S2', weight: 1, load: 0, concurrency: 1, hasRoom: true };
  const loadOf = (name: string): ReplicaLoad | undefined => (name === 'S2' ? known : undefined);
  const total = { load: 0, weight: 1 };
  const { replica, candidates } = walk(['S1', 'S2'], loadOf, total, 1.5);
  expect([replica, candidates.map(({ name }) => name)]).toEqual(['S2', ['S2']]);
  expect(walk(['S1'], loadOf, total, 1.5)).toEqual({ replica: undefined, candidates: [] });
});
