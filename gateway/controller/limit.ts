import { placeOf } from '#shared/ring/member.ts';
import type { RingMember } from '#shared/ring/ring.ts';
import { withoutServer } from '../ring/upstream-positions.ts';
import type { Placed } from '../ring/upstream-positions.ts';

/**
 * @param max replicas that may be started. A client that writes to Redis directly could desire any number.
 * @returns the names of the desired replicas beyond that: the last to join. A replacement counts as the dead
 * replica.
 */
export function beyondLimit(desired: readonly RingMember[], max: number): ReadonlySet<string> {
  const byAge = desired.toSorted((a, b) => placeOf(a) - placeOf(b));
  return new Set(byAge.slice(max).map(({ name }) => name));
}

/**
 * @param max replicas that may be started.
 * @returns why each desired replica that must not be started is not.
 */
export function notStarted(
  state: Placed & { readonly upstreams: readonly string[] },
  max: number,
): ReadonlyMap<string, string> {
  const { length } = state.upstreams;
  return new Map([
    ...withoutServer(state).map(
      (name) => [name, `UPSTREAMS lists ${length} servers, and other replicas use them`] as const,
    ),
    ...Array.from(
      beyondLimit(state.desired, max),
      (name) => [name, `MAX_REPLICAS is ${max}, and older ones come first`] as const,
    ),
  ]);
}
