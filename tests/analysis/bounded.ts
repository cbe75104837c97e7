import type { Ring } from '#shared/ring/ring.ts';
import type { Random } from '../chaos/random.ts';
import { ids } from './expected-shares.ts';

/** No replica may hold more than this many times the average of the requests in flight. */
export const bound = 1.25;

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, SODA 2018): clockwise from the key,
 * the first replica with room takes the request. A replica has room for `bound` times the average, counting
 * the new request, rounded up. The gateway does not do this; the analysis simulates it on the gateway's ring.
 *
 * @param inFlight how many requests each replica holds; 0 for a replica that is not listed.
 * @returns the replica that takes the request. @throws RangeError on an empty ring.
 */
export function boundedOwner(ring: Ring, key: string, inFlight: ReadonlyMap<string, number>): string {
  const held = ring.members.reduce((sum, { name }) => sum + (inFlight.get(name) ?? 0), 0);
  const room = Math.ceil((bound * (held + 1)) / ring.members.length);
  // The replicas cannot all be full, since together they have room for more than is held.
  for (const name of ring.successors(key)) if ((inFlight.get(name) ?? 0) < room) return name;
  throw new RangeError('an empty ring owns nothing');
}

/**
 * Counts requests on a ring with bounded loads in a simulation. `inFlight` requests are always under way.
 * Each is equally likely to end next (equally fast replicas, exponential service times), and a new request
 * with a random id takes its place.
 *
 * @returns the number of requests of each replica, in order of joining.
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
