import type { ObservedReplicas, ReplicaObserver } from '#shared/store/ring/replica-observer.ts';
import type { RingState, RingStore } from '#shared/store/ring/ring-store.ts';
import type { Driver, Instance } from '../drivers/driver.ts';
import { withRestarts } from './observed-replica.ts';

/** The observed state, as opposed to the desired one. A plan is made from it and the controller's memory. */
export interface Observed extends RingState, ObservedReplicas {
  /** The workers that this controller's driver runs. One that is to be restarted is outdated. */
  readonly instances: readonly Instance[];
  /** Why the driver cannot start, end or see workers now. */
  readonly trouble: string | undefined;
  /** The replicas for which a worker is being started. */
  readonly starting: ReadonlySet<string>;
  /** Redis was away a moment ago: live workers may not have renewed their leases yet. */
  readonly blind: boolean;
}

/**
 * Reads what a plan needs from Redis and from the driver: two round trips, whatever the number of replicas;
 * three if some of them sleep.
 * @throws {GarbledError} for a value that ringpost did not write: a replica whose lease cannot be read is not
 * without a worker.
 */
export async function observe(
  store: RingStore,
  replicas: ReplicaObserver,
  driver: Driver,
): Promise<Omit<Observed, 'blind' | 'starting'>> {
  const state = await store.read();
  const observed = await replicas.observe(state);
  return {
    ...state,
    ...observed,
    instances: withRestarts(driver.list(), state.restarts),
    trouble: driver.trouble(),
  };
}
