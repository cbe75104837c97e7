import type { Redis } from '../redis/access.ts';
import type { Lease, LeaseHolder, TakenLease } from '../../contract/lease.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { endLease, renewLease, takeLease, withdrawConsumer } from '../scripts/leases.ts';
import { replicated } from '../redis/replication.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** The leases of replicas in Redis. The worker that holds one serves the replica's queue. */
export class LeaseStore {
  readonly #connection: Connection;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #run: Run;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#run = createRun(connection);
  }

  /**
   * Takes a lease that is free or that this holder already has.
   * @param lease what other processes read about its holder.
   * @param leaseMs the lease's TTL.
   * @returns 'held' if another worker has it, or if an adopter asks while the replica's own worker is on
   * standby; 'superseded' if a newer generation has held it.
   */
  take(holder: LeaseHolder, lease: Lease, leaseMs: number): Promise<TakenLease | 'held' | 'superseded'> {
    return this.#run(takeLease, { holder, lease, leaseMs });
  }

  /**
   * Renews a lease, and writes again what Redis may have lost of it.
   * @param fence the fence that {@link take} returned.
   * @returns false if another worker has taken it since.
   */
  renew(holder: LeaseHolder, fence: number, lease: Lease, leaseMs: number): Promise<boolean> {
    return this.#run(renewLease, { holder, fence, lease, leaseMs });
  }

  /**
   * Waits until a master that takes over after a failure would have the last {@link take} or {@link renew}.
   * @returns false if that is not certain after `timeoutMs`.
   */
  replicated(timeoutMs: number): Promise<boolean> {
    return replicated(this.#connection, timeoutMs);
  }

  /** Ends the lease of a worker that leaves, if that worker still holds it. */
  async end({ replica, generation, adopter }: LeaseHolder): Promise<void> {
    await this.#run(endLease, { replica, holder: adopter ?? generation, recordMs: 0 });
  }

  /**
   * Withdraws the registration of the consumer that serves the queue under a fence: no more jobs are
   * delivered directly to it. Jobs that were delivered stay.
   * @returns whether it was registered.
   */
  withdrawConsumer(replica: string, fence: number): Promise<boolean> {
    return this.#run(withdrawConsumer, { replica, fence });
  }

  /** Notes for `ttlMs` that a worker of this generation has started and waits for the lease. */
  async standBy(replica: string, generation: number, ttlMs: number): Promise<void> {
    await this.#redis.set(this.#keys.standby(replica), generation, 'PX', ttlMs);
  }

  /** @returns whether the replica's own worker has started and waits for the lease. */
  async hasStandby(replica: string): Promise<boolean> {
    return (await this.#redis.exists(this.#keys.standby(replica))) === 1;
  }

  /** Tells the controllers that something has changed about the lease of a replica. */
  async announce(replica: string, change: 'standby' | 'released' | Lease['state']): Promise<void> {
    const message = change === 'released' ? 'let go' : change;
    await this.#redis.publish(this.#keys.changes, `${message} ${replica}`);
  }
}
