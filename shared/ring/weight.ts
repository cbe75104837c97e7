import type { RingMember } from './ring.ts';

/** The largest weight that an operator may give: a replica that owns ten times the keys of another one. */
export const maxWeight = 10;

/** @returns the weight that a replica has now: a part of its own weight during a slow start. */
export function presentWeight({ weight, share = 1 }: RingMember): number {
  return weight * share;
}
