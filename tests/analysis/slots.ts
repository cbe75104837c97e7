import type { Ring } from '#shared/ring/ring.ts';
import { ids } from './expected-shares.ts';

/** The positions of virtual nodes and requests on an assignment ring, which explain its spread. */
export interface SlotUse {
  readonly slots: number;
  /** The first slot with a virtual node. */
  readonly first: number;
  /** The last slot with a virtual node. */
  readonly last: number;
  /** The number of slots after the last virtual node up to the first one. One replica owns them all. */
  readonly longestArc: number;
  readonly ownerOfArc: string;
  /** The number of different slots of all request ids. */
  readonly requested: number;
  /** The share of ids in the longest arc. */
  readonly shareOfArc: number;
}

/** @throws TypeError if the ring is not an assignment ring with replicas. */
export function slotUse(ring: Ring): SlotUse {
  const { parameters } = ring;
  if (parameters.strategy !== 'assignment') throw new TypeError('only the assignment ring has slots');
  const { slots } = parameters;
  const held = ring.members
    .flatMap(({ name, slots: own = [] }) => own.map((slot) => ({ name, slot })))
    .toSorted((a, b) => a.slot - b.slot);
  const first = held[0];
  const last = held.at(-1);
  if (first === undefined || last === undefined) throw new TypeError('a ring without replicas has no owner');

  const requests = new Map<number, number>();
  for (let id = ids.first; id <= ids.last; id += 1) {
    const slot = ring.explain(String(id))?.position ?? 0;
    requests.set(slot, (requests.get(slot) ?? 0) + 1);
  }
  const inArc = [...requests].filter(([slot]) => slot > last.slot || slot <= first.slot);
  return {
    slots,
    first: first.slot,
    last: last.slot,
    longestArc: slots - last.slot + first.slot,
    ownerOfArc: first.name,
    requested: requests.size,
    shareOfArc: inArc.reduce((sum, [, count]) => sum + count, 0) / (ids.last - ids.first + 1),
  };
}
