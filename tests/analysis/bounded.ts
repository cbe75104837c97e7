import type { Ring } from '#shared/ring/ring.ts';
import type { Random } from '../chaos/random.ts';
import { ids } from './expected-shares.ts';

/** No replica holds more than so many times the average of the requests in flight. */
export const bound = 1.25;

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, SODA 2018): the first replica
 * clockwise from the key that has room, where room ends at `bound` times the average with the new request
 * counted, rounded up. The gateway does not do this; it is simulated here over the gateway's ring.
 *
 * @param inFlight requests that each replica holds; none where it is not named.
 * @returns the replica that takes the request. @throws RangeError on an empty ring.
 */
export function boundedOwner(ring: Ring, key: string, inFlight: ReadonlyMap<string, number>): string {
  const held = ring.members.reduce((sum, { name }) => sum + (inFlight.get(name) ?? 0), 0);
  const room = Math.ceil((bound * (held + 1)) / ring.members.length);
  // Not all of them can be full: together they have room for more than there is.
  for (const name of ring.successors(key)) if ((inFlight.get(name) ?? 0) < room) return name;
  throw new RangeError('an empty ring owns nothing');
}

/**
 * Counts requests on a ring with bounded loads, without a system: there are always `inFlight` requests under
 * way; the one that ends next is any of them with the same chance (equally fast replicas, exponential service
 * times), and the next one with a random id takes its place.
 *
 * @returns the requests of each replica, in order of joining.
 */
export function simulateBounded(
  ring: Ring,
  { requests, inFlight, random }: { requests: number; inFlight: number; random: Random },
): number[] {
  const held = new Map(ring.members.map(({ name }) => [name, 0]));
  const counts = new Map(held);
  const underWay: string[] = [];
  const change = (map: Map<string, number>, name: string, by: number): void => {
    map.set(name, (map.get(name) ?? 0) + by);
  };
  for (let sent = 0; sent < requests; sent += 1) {
    if (underWay.length === inFlight) {
      const [ended] = underWay.splice(random.between(0, inFlight - 1), 1);
      if (ended !== undefined) change(held, ended, -1);
    }
    const name = boundedOwner(ring, String(random.between(ids.first, ids.last)), held);
    underWay.push(name);
    change(held, name, 1);
    change(counts, name, 1);
  }
  return [...counts.values()];
}
