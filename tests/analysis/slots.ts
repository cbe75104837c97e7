import type { Ring } from '#shared/ring/ring.ts';
import { ids } from './expected-shares.ts';

/** Where the virtual nodes and the requests of an assignment ring are: why it spreads as it does. */
export interface SlotUse {
  readonly slots: number;
  /** The first and the last slot that holds a virtual node. */
  readonly first: number;
  readonly last: number;
  /** How many slots lie behind the last virtual node and up to the first: one replica owns them all. */
  readonly longestArc: number;
  readonly ownerOfArc: string;
  /** How many different slots all request ids fall into. */
  readonly requested: number;
  /** The share of the ids that fall into the long arc. */
  readonly shareOfArc: number;
}

/** @throws TypeError unless it is an assignment ring with replicas. */
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
