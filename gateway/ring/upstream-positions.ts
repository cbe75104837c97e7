import type { RingState } from '#shared/store/ring/ring-store.ts';

/**
 * The positions in UPSTREAMS: each replica uses one server of the list, and keeps it until nothing is left of
 * the replica. A replica that replaces a dead one has its position.
 */
export type Placed = Pick<RingState, 'desired' | 'retired' | 'positions'>;

/**
 * @param count the number of servers that UPSTREAMS lists.
 * @returns the position of each desired replica that has a server of its own. If two have the same position,
 * the older one holds it.
 */
export function heldPositions({ desired, positions }: Placed, count: number): Map<string, number> {
  const held = new Map<string, number>();
  const taken = new Set<number>();
  for (const { name } of desired.toSorted((a, b) => a.joined - b.joined)) {
    const position = positions.get(name);
    if (position === undefined || position >= count || taken.has(position)) continue;
    held.set(name, position);
    taken.add(position);
  }
  return held;
}

/**
 * Gives each replica that has no server the first free one: the desired replicas by age, then the retired
 * ones, which may have to be started again for what they hold.
 * @param count the number of servers that UPSTREAMS lists.
 * @returns the new positions alone. A replica for which no server is free is left out.
 */
export function missingPositions(state: Placed, count: number): Map<string, number> {
  const { desired, retired, positions } = state;
  const held = heldPositions(state, count);
  const taken = new Set(held.values());
  const lacking = desired
    .toSorted((a, b) => a.joined - b.joined)
    .flatMap(({ name }) => (held.has(name) ? [] : [name]));
  const again = new Set(desired.map(({ name }) => name));
  for (const name of retired.keys()) {
    if (again.has(name)) continue;
    const position = positions.get(name);
    if (position === undefined || position >= count) lacking.push(name);
    else taken.add(position);
  }
  const missing = new Map<string, number>();
  let next = 0;
  for (const name of lacking) {
    while (taken.has(next)) next += 1;
    if (next >= count) break;
    missing.set(name, next);
    next += 1;
  }
  return missing;
}

/** @returns the desired replicas for which UPSTREAMS has no server; none if there is no UPSTREAMS. */
export function withoutServer(state: Placed & Pick<RingState, 'upstreams'>): string[] {
  const count = state.upstreams.length;
  if (count === 0) return [];
  const held = heldPositions(state, count);
  return state.desired.flatMap(({ name }) => (held.has(name) ? [] : [name]));
}
