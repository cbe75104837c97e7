import { isOut } from '#shared/contract/ejection.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { HoldChange } from '#shared/store/ring/hold-changes.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';

/** @throws {Problem} if no such replica is desired. */
export function checkDesired({ desired, retired }: RingState, name: string): void {
  if (desired.some((member) => member.name === name)) return;
  if (retired.has(name))
    throw new Problem('conflict', `Replica ${name} was removed, and only finishes what it holds.`);
  const names = desired.map((member) => member.name);
  throw new Problem(
    'not_found',
    `There is no replica ${quoted(name)}; there is ${names.join(', ') || 'none'}.`,
  );
}

/**
 * Plans that a replica leaves the ring while its worker goes on. Pure.
 * @param now ms since the epoch, in Redis time.
 * @returns nothing to change if it is drained already.
 * @throws {Problem} if there is no such replica, or if the ring would be empty.
 */
export function planDrain(state: RingState, name: string, now: number): HoldChange[] {
  checkDesired(state, name);
  if (state.drained.has(name)) return [];
  const left = servingWithout(state, new Set([name]));
  if (left.length > 0) return [{ kind: 'drain', name, at: now }];
  throw new Problem(
    'conflict',
    `No replica would own keys without ${name}: no other one is in the ring. Add one, or resume one, first.`,
  );
}

/** @returns the replicas that own keys, without those that are drained or ejected and these. */
export function servingWithout(
  { desired, ring, drained, ejections }: RingState,
  without: ReadonlySet<string>,
): readonly string[] {
  const names = desired.map(({ name }) => name);
  const owns = (name: string): boolean => ring.has(name) && !drained.has(name) && !isOut(ejections.get(name));
  return names.filter((name) => owns(name) && !without.has(name));
}

/** @throws {Problem} if there is no such replica, or if it is drained: its keys belong to others. */
export function checkPausable(state: RingState, name: string): void {
  checkDesired(state, name);
  if (state.drained.has(name))
    throw new Problem(
      'conflict',
      `Replica ${name} is drained and owns no keys. Resume it before you pause it.`,
    );
}

/**
 * Plans that a replica is in the ring and its worker stays. Ends an ejection too. Pure.
 * @returns nothing to change if there is none of these.
 * @throws {Problem} if there is no such replica.
 */
export function planResume(state: RingState, name: string): HoldChange[] {
  checkDesired(state, name);
  return [
    ...(state.drained.has(name) ? [{ kind: 'drain', name, at: null } as const] : []),
    ...(state.restarts.has(name) ? [{ kind: 'restart', name, restart: null } as const] : []),
    ...(state.ejections.has(name) ? [{ kind: 'ejection', name } as const] : []),
  ];
}

/**
 * Plans that the workers of some replicas are replaced. Pure.
 * @param generations the last generation of each replica that held its lease.
 * @param rolling whether each waits until all replicas are ready.
 * @throws {Problem} if there is no such replica.
 */
export function planRestart(
  state: RingState,
  generations: ReadonlyMap<string, number>,
  rolling: boolean,
): HoldChange[] {
  return Array.from(generations, ([name, generation]) => {
    checkDesired(state, name);
    return { kind: 'restart', name, restart: { generation, rolling } };
  });
}

function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}
