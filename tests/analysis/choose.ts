import type { Ring } from '#shared/ring/ring.ts';
import type { Random } from '../chaos/random.ts';
import { boundedOwner } from './bounded.ts';
import { ids } from './expected-shares.ts';

/** How the client addresses one request. */
export interface Choice {
  /** The `Ringpost-Key`. If undefined, the gateway draws an id, as in the assignment. */
  readonly key: string | undefined;
  /** The owner of the request's id on the ring, if the client knows the id. */
  readonly owner: string | undefined;
  /** The client calls this when the request has ended. */
  ended(): void;
}

/** Makes the choice for the next request. */
export type Choose = () => Choice;

const noop = (): void => undefined;

/** Lets the gateway draw the id. */
export const gatewayChooses: Choose = () => ({ key: undefined, owner: undefined, ended: noop });

/** Draws ids of six digits, the same for the same seed. */
export function seededIds(ring: Ring, random: Random): Choose {
  return () => {
    const key = drawId(random);
    return { key, owner: ring.owner(key), ended: noop };
  };
}

/**
 * Draws ids and bounds the loads. If the owner of an id has no room, the request is sent with an id of the
 * next replica clockwise that has room. This client is the only one, so it knows all requests in flight.
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

/** @throws RangeError if the replica owns no id. */
function idOwnedBy(ring: Ring, name: string): string {
  for (let id = ids.first; id <= ids.last; id += 1) if (ring.owner(String(id)) === name) return String(id);
  throw new RangeError(`${name} owns no request id`);
}
