import type { Lease } from '#shared/contract/lease.ts';
import type { Restart } from '#shared/store/ring/hold-changes.ts';
import type { Instance } from '../drivers/driver.ts';
import type { Observed } from './observe.ts';

/** @returns the lease of the replica's own worker; that of an adopter says nothing about it. */
export function ownLease(name: string, { leases }: Observed): Lease | undefined {
  const lease = leases.get(name);
  return lease?.adopter === undefined ? lease : undefined;
}

const byName = new WeakMap<readonly Instance[], ReadonlyMap<string, readonly Instance[]>>();
const none: readonly Instance[] = [];

/**
 * @returns the workers of one replica that the driver runs. A plan asks for those of each replica, so they
 * are grouped once.
 */
export function instancesOf(name: string, { instances }: Pick<Observed, 'instances'>): readonly Instance[] {
  let groups = byName.get(instances);
  if (groups === undefined) {
    groups = Map.groupBy(instances, (instance) => instance.name);
    byName.set(instances, groups);
  }
  return groups.get(name) ?? none;
}

/** @returns whether nothing is left of a replica's own worker, and none is being started. */
export function isGone(name: string, observed: Observed): boolean {
  const { starting, standbys } = observed;
  const hasOwn = ownLease(name, observed) !== undefined || standbys.has(name) || starting.has(name);
  return !hasOwn && instancesOf(name, observed).length === 0;
}

/** @returns whether a retired replica was replaced, and its replacement is still there to adopt its queue. */
export function hasHeir(name: string, { heirs, retired, desired }: Observed): boolean {
  const heir = heirs.get(name);
  return heir !== undefined && retired.has(name) && desired.some((member) => member.name === heir);
}

/** @returns the workers, where those that are to be restarted are outdated. */
export function withRestarts(
  instances: readonly Instance[],
  restarts: ReadonlyMap<string, Restart>,
): readonly Instance[] {
  if (restarts.size === 0) return instances;
  return instances.map((instance) => {
    const isOld = instance.generation <= (restarts.get(instance.name)?.generation ?? -1);
    return isOld ? { ...instance, outdated: true } : instance;
  });
}

/** @returns whether the queue of a retired replica is to stay paused: its heir serves it, and is paused. */
export function isPausedWithHeir(name: string, observed: Observed): boolean {
  return hasHeir(name, observed) && observed.paused.has(observed.heirs.get(name) ?? '');
}
