import type { Redis } from 'ioredis';
import { parseLease } from '#shared/contract/lease.ts';
import type { Lease } from '#shared/contract/lease.ts';
import type { HeirStore } from '#shared/store/heir-store.ts';
import { GarbledError } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { backlogOf } from '#shared/store/replica-queue.ts';
import type { RingState, RingStore } from '#shared/store/ring-store.ts';
import type { Driver, Instance } from '../drivers/driver.ts';

/** What is, as against what shall be: everything that a plan is made from, but the controller's memory. */
export interface Observed extends RingState {
  /** The running worker of each replica that has one, by its lease. */
  readonly leases: ReadonlyMap<string, Lease>;
  /** The workers that this controller's driver runs. */
  readonly instances: readonly Instance[];
  /** The replicas for which a worker is being started. */
  readonly beginning: ReadonlySet<string>;
  /** Why the driver cannot start, end or see workers now. */
  readonly trouble: string | undefined;
  /** For each replica that has one: the generation that is started and waits for the lease to be free. */
  readonly standbys: ReadonlyMap<string, number>;
  /** For each replica that has one: the generation whose worker has ended for certain, a moment ago. */
  readonly ended: ReadonlyMap<string, number>;
  /**
   * For each replica that is retired, or desired and not in the ring: jobs that its queue still holds; of one that is
   * retired, with its suspects.
   */
  readonly backlog: ReadonlyMap<string, number>;
  /** For each replica that is retired: requests that only a worker of its own may run. */
  readonly suspects: ReadonlyMap<string, number>;
  /** For each retired replica that was replaced: the replica that alone adopts its queue. */
  readonly heirs: ReadonlyMap<string, string>;
  /** The replicas whose queues are up for adoption. */
  readonly offered: ReadonlySet<string>;
  /** Redis was away a moment ago: workers that are alive may not have renewed their leases yet. */
  readonly blind: boolean;
}

/**
 * Reads all that a plan needs: two round trips, whatever the number of replicas.
 * @throws {GarbledError} for a value that is none of ours: a replica whose lease cannot be read is not without a worker.
 */
export async function observe(
  redis: Redis,
  keys: Keys,
  store: RingStore,
  heirStore: HeirStore,
  driver: Driver,
): Promise<Omit<Observed, 'blind' | 'beginning'>> {
  const state = await store.read();
  const retired = [...state.retired.keys()];
  const desired = state.desired.map(({ name }) => name);
  const names = [...new Set([...desired, ...retired])];
  const outside = names.filter((name) => !state.ring.has(name));
  const [leases, standbys, ended, backlogs, suspects, offered, heirs] = await Promise.all([
    Promise.all(names.map((name) => redis.get(keys.lease(name)))),
    Promise.all(names.map((name) => redis.get(keys.standby(name)))),
    Promise.all(names.map((name) => redis.get(keys.ended(name)))),
    Promise.all(outside.map((name) => backlogOf(redis, keys, name))),
    Promise.all(retired.map((name) => redis.scard(keys.suspects(name)))),
    redis.smembers(keys.offered),
    heirStore.read(),
  ]);
  const held = new Map(retired.map((name, at) => [name, suspects[at] ?? 0]));
  return {
    ...state,
    instances: driver.list(),
    trouble: driver.trouble(),
    leases: new Map(present(names, leases).map(([name, text]) => [name, checkedLease(text)])),
    ended: new Map(present(names, ended).map(([name, text]) => [name, checkedGeneration(text)])),
    standbys: new Map(present(names, standbys).map(([name, text]) => [name, checkedGeneration(text)])),
    backlog: new Map(outside.map((name, at) => [name, (backlogs[at] ?? 0) + (held.get(name) ?? 0)])),
    suspects: held,
    offered: new Set(offered),
    heirs,
  };
}

/** @returns the names that have a value, with it. */
function present(names: readonly string[], values: readonly (string | null)[]): [string, string][] {
  return names.flatMap((name, at) => {
    const value = values[at];
    return value === null || value === undefined ? [] : [[name, value] as [string, string]];
  });
}

function checkedLease(text: string): Lease {
  const lease = parseLease(text);
  if (lease === undefined) throw new GarbledError('a lease cannot be read');
  return lease;
}

function checkedGeneration(text: string): number {
  if (!/^\d{1,16}$/.test(text)) throw new GarbledError('a generation cannot be read');
  return Number(text);
}
