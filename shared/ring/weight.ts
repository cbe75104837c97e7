import type { RingMember } from './ring.ts';

/** @returns the weight that a replica has now: a part of its own weight during a slow start. */
export function presentWeight({ weight, share = 1 }: RingMember): number {
  return weight * share;
}
