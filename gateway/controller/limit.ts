import type { RingMember } from '#shared/ring/ring.ts';

/**
 * @param max replicas that there may be. Whoever writes to Redis past the gateways could desire any number.
 * @returns the names of the desired replicas beyond that: those that joined last.
 */
export function beyondLimit(desired: readonly RingMember[], max: number): ReadonlySet<string> {
  const byAge = desired.toSorted((a, b) => a.joined - b.joined);
  return new Set(byAge.slice(max).map(({ name }) => name));
}
