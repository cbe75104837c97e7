import type { Ring } from '#shared/ring/ring.ts';
import type { Random } from '../chaos/random.ts';
import { boundedOwner } from './bounded.ts';
import { ids } from './expected-shares.ts';

/** What the client sends to reach the replica of a request. */
export interface Choice {
  /** The `Ringpost-Key`; undefined: the gateway draws an id, as in the assignment. */
  readonly key: string | undefined;
  /** The owner of the request's id on the ring, where the client knows the id. */
  readonly owner: string | undefined;
  /** To be called when the request has ended. */
  ended(): void;
}

/** Chooses for the next request. */
export type Choose = () => Choice;

const nothing = (): void => undefined;

/** Leaves the id to the gateway. */
export const gatewayChooses: Choose = () => ({ key: undefined, owner: undefined, ended: nothing });

/** Draws the six digits itself, the same for the same seed. */
export function seededIds(ring: Ring, random: Random): Choose {
  return () => {
    const key = drawId(random);
    return { key, owner: ring.owner(key), ended: nothing };
  };
}

/**
 * Draws ids, and bounds the loads by what it has in flight itself: where the owner of an id has no room, the
 * request is sent with another id, of the next replica clockwise that has. The client is alone, so that it
 * knows all that is in flight.
 */
export function boundedIds(ring: Ring, random: Random): Choose {
  const inFlight = new Map(ring.members.map(({ name }) => [name, 0]));
  const idOf = new Map(ring.members.map(({ name }) => [name, idOwnedBy(ring, name)]));
  return () => {
    const id = drawId(random);
    const owner = ring.owner(id);
    const taker = boundedOwner(ring, id, inFlight);
    inFlight.set(taker, (inFlight.get(taker) ?? 0) + 1);
    return {
      key: taker === owner ? id : idOf.get(taker),
      owner,
      ended: () => void inFlight.set(taker, (inFlight.get(taker) ?? 0) - 1),
    };
  };
}

function drawId(random: Random): string {
  return String(random.between(ids.first, ids.last));
}

/** @throws RangeError where the replica owns no id at all. */
function idOwnedBy(ring: Ring, name: string): string {
  for (let id = ids.first; id <= ids.last; id += 1) if (ring.owner(String(id)) === name) return String(id);
  throw new RangeError(`${name} owns no request id`);
}
