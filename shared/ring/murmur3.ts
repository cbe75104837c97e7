import { circleOf, clockwiseRing } from './clockwise.ts';
import { hashKey } from './key-hash.ts';
import type { Ring, RingMember, RingParameters } from './ring.ts';

type Murmur3Parameters = Extract<RingParameters, { strategy: 'murmur3' }>;

/**
 * Consistent hashing over the 32-bit hash space. Each member has `virtualNodes * weight` points, and a key
 * belongs to the first point at or after its hash. The points of a member depend only on its name, so
 * removing a replica moves no key of another. Source: Karger et al., "Consistent Hashing and Random Trees",
 * STOC 1997.
 *
 * @param members checked, frozen, in order of joining
 */
export function murmur3Ring(parameters: Murmur3Parameters, members: readonly RingMember[]): Ring {
  const circle = circleOf(
    members.flatMap(({ name, weight }) =>
      Array.from({ length: parameters.virtualNodes * weight }, (_, index) => ({
        name,
        index,
        // Unambiguous: a name cannot contain `#`, so no two pairs of name and index give the same text.
        position: hashKey(`${name}#${index}`),
      })),
    ),
  );
  return clockwiseRing(parameters, members, circle, {
    positionOf: hashKey,
    firstFrom: (position) => lowerBound(circle.positions, position),
  });
}

/**
 * @returns the index of the first of `positions` (ascending) that is at least `position`; 0 if all are below
 */
function lowerBound(positions: Uint32Array, position: number): number {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (positions[middle]! < position) low = middle + 1; // low <= middle < high <= length
    else high = middle;
  }
  return low === positions.length ? 0 : low;
}
