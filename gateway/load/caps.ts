import type { Ring } from '#shared/ring/ring.ts';
import { presentWeight } from '#shared/ring/weight.ts';
import { capOf, totalOf } from './bounded-load.ts';

/** What is known of the queue and the worker of a replica. */
export interface KnownLoad {
  readonly load: number;
  /** How many requests its worker runs at once. */
  readonly concurrency: number;
}

/**
 * Pure.
 * @param bound `LOAD_BOUND`.
 * @returns the caps of the replicas in the ring, by name.
 */
export function capsOf(
  ring: Pick<Ring, 'members'>,
  knownOf: (replica: string) => KnownLoad,
  bound: number,
): ReadonlyMap<string, number> {
  const replicas = ring.members.map((member) => ({
    name: member.name,
    weight: presentWeight(member),
    ...knownOf(member.name),
  }));
  const total = totalOf(replicas);
  return new Map(replicas.map((replica) => [replica.name, capOf(replica, total, bound)]));
}
