import { placeOf } from '#shared/ring/member.ts';
import type { RingMember } from '#shared/ring/ring.ts';

/**
 * @param max replicas that may be started. A client that writes to Redis directly could desire any number.
 * @returns the names of the desired replicas beyond that: the last to join. A replacement counts as the dead
 * replica.
 */
export function beyondLimit(desired: readonly RingMember[], max: number): ReadonlySet<string> {
  const byAge = desired.toSorted((a, b) => placeOf(a) - placeOf(b));
  return new Set(byAge.slice(max).map(({ name }) => name));
}
