import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { circleOf } from '#shared/ring/clockwise.ts';
import { hashKey } from '#shared/ring/key-hash.ts';
import { createRing, defaultParameters } from '#shared/ring/strategies.ts';
import { circleOfMembers } from '#shared/ring/virtual-nodes.ts';

const members = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ name: `S${at + 1}`, joined: at + 1, weight: 1 }));

/** @returns the shortest of some times, in ms: other programs on the machine only make them longer. */
function shortest(act: () => void): number {
  const times = Array.from({ length: 7 }, () => {
    const begun = performance.now();
    act();
    return performance.now() - begun;
  });
  return Math.min(...times);
}

it('sorted numbers give the same circle as sorted objects', () => {
  const name = fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom('a', 'B', '1', '-', '.') });
  const all = fc.uniqueArray(fc.record({ name, nodes: fc.integer({ min: 1, max: 40 }) }), {
    selector: (member) => member.name,
    maxLength: 20,
  });
  fc.assert(
    fc.property(all, (some) => {
      const nodes = some.flatMap((member) =>
        Array.from({ length: member.nodes }, (_, index) => ({
          name: member.name,
          index,
          position: hashKey(`${member.name}#${index}`),
        })),
      );
      expect(circleOfMembers(some)).toEqual(circleOf(nodes));
    }),
  );
});

it('also where virtual nodes of several members have one position', () => {
  // With 160,000 nodes some positions are the same.
  const some = members(1000).map(({ name }) => ({ name, nodes: 160 }));
  const nodes = some.flatMap(({ name }) =>
    Array.from({ length: 160 }, (_, index) => ({ name, index, position: hashKey(`${name}#${index}`) })),
  );
  expect(new Set(nodes.map(({ position }) => position)).size).toBeLessThan(nodes.length);
  const [circle, expected] = [circleOfMembers(some.toReversed()), circleOf(nodes)];
  expect(circle.names).toEqual(expected.names);
  expect(circle.indices).toEqual(expected.indices);
  expect(circle.positions).toEqual(expected.positions);
});

it('a gateway makes a ring of 1,000 replicas in at most 100 ms, and finds an owner in at most 5 µs', () => {
  const parameters = defaultParameters('murmur3');
  const replicas = members(1000);
  expect(shortest(() => createRing(parameters, replicas))).toBeLessThan(100);
  const ring = createRing(parameters, replicas);
  const lookups = 20_000;
  const time = shortest(() => {
    for (let at = 0; at < lookups; at += 1) ring.owner(`key-${at}`);
  });
  expect((time * 1000) / lookups).toBeLessThan(5);
});
