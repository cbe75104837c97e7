import { clockwiseRing } from './clockwise.ts';
import type { Circle } from './clockwise.ts';
import { hashKey } from './key-hash.ts';
import { circleOfMembers } from './virtual-nodes.ts';
import { presentWeight } from './weight.ts';
import type { HashSegment, HashSpace, Ring, RingMember, RingParameters } from './ring.ts';

type Murmur3Parameters = Extract<RingParameters, { strategy: 'murmur3' }>;

/**
 * Consistent hashing over the 32-bit hash space. Each member has `virtualNodes * weight` points, or a part of
 * them, and a key belongs to the first point at or after its hash. The points of a member depend only on its
 * name, and those of a smaller weight are the first ones of a larger weight. So removing a replica moves no
 * key of another, and a larger weight moves keys to its replica only. Source: Karger et al., "Consistent
 * Hashing and Random Trees", STOC 1997.
 *
 * @param members checked, frozen, in order of joining
 */
export function murmur3Ring(parameters: Murmur3Parameters, members: readonly RingMember[]): Ring {
  const circle = circleOfMembers(
    members.map((member) => ({
      name: member.name,
      nodes: Math.max(1, Math.round(parameters.virtualNodes * presentWeight(member))),
    })),
  );
  return clockwiseRing(parameters, members, circle, {
    positionOf: hashKey,
    firstFrom: (position) => lowerBound(circle.positions, position),
    hashSpace: () => hashSpaceOf(circle),
  });
}

/** MurmurHash3 gives 32 bits. */
const hashes = 2 ** 32;

/** A virtual node owns the hashes after the node before it, up to its own position. */
function hashSpaceOf({ positions, names }: Circle): HashSpace {
  const segments: HashSegment[] = [];
  let begin = 0;
  for (const [rank, owner] of names.entries()) {
    const end = positions[rank]! + 1; // the arrays are parallel
    // Of nodes at one position, the first owns what is before it.
    if (end > begin) segments.push({ owner, end });
    begin = end;
  }
  const [first] = names;
  if (first !== undefined && begin < hashes) segments.push({ owner: first, end: hashes });
  return { size: hashes, segments };
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
