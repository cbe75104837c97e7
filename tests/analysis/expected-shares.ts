import type { Ring, RingMember, RingParameters } from '#shared/ring/ring.ts';
import { createRing, placeMember } from '#shared/ring/strategies.ts';

/** The request ids of the assignment: six digits. */
export const ids = { first: 100_000, last: 999_999 } as const;

/** @returns the ring of a new system with the replicas S1 to S<count>, which joined in this order. */
export function ringWith(parameters: RingParameters, count: number): Ring {
  const members: RingMember[] = [];
  for (let joined = 1; joined <= count; joined += 1) {
    members.push(placeMember(parameters, members, { name: `S${joined}`, joined, weight: 1 }));
  }
  return createRing(parameters, members);
}

/** @returns the exact share of all request ids that each replica owns, in order of joining. */
export function expectedShares(ring: Ring): number[] {
  const owned = new Map(ring.members.map(({ name }) => [name, 0]));
  for (let id = ids.first; id <= ids.last; id += 1) {
    const owner = ring.owner(String(id));
    if (owner !== undefined) owned.set(owner, (owned.get(owner) ?? 0) + 1);
  }
  return [...owned.values()].map((count) => count / (ids.last - ids.first + 1));
}
