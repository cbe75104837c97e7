import { setTimeout as delay } from 'node:timers/promises';
import type { LeaseState } from '#shared/contract/lease.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import { AdoptionStore } from '#shared/store/lease/adoption-store.ts';
import { LeaseStore } from '#shared/store/lease/lease-store.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { WorkerRepair } from '#shared/store/repair/worker-repair.ts';
import { IdleWatch } from './idle-watch.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { ReplicaLease } from './replica-lease.ts';
import { touch } from './touch.ts';

export interface HeartbeatOptions {
  readonly connection: Connection;
  readonly replica: string;
  readonly generation: number;
  /** The lease on the worker's own replica. */
  readonly lease: ReplicaLease;
  /** Renews it. */
  readonly keeper: LeaseKeeper;
  /** The lease's TTL in ms. */
  readonly leaseMs: number;
  /**
   * Whether the lease ends with the heartbeat. If a driver watches this process, that driver ends the lease
   * once the process is gone: a worker that is there without a lease would look as if it hung.
   */
  readonly endsLease: boolean;
  /** Touched while the worker waits for the lease. Whoever renews the lease touches it later. */
  readonly healthFile: string | undefined;
  /** How many requests of the replica's queue the worker runs now. */
  readonly running: () => number;
  /** A newer generation exists: this worker has to leave at once. */
  readonly onSuperseded: () => void;
  /** Told at each beat whether the replica was removed, so that its streams have to end. */
  readonly onRemoved: (isRemoved: boolean) => void;
  /** The replica was removed and its queue is empty: this worker may leave. */
  readonly onRetired: () => void;
  readonly log: Logger;
}

/** How often a starting worker checks whether its predecessor's lease is free, in ms. */
const takeRetryDelayMs = 25;

/**
 * The worker's lease on its own replica: taken before the worker takes jobs, kept while it lives, ended when
 * it leaves. The heartbeat also notices when a replica that was removed may leave.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #leases: LeaseStore;
  readonly #adoption: AdoptionStore;
  readonly #idle: IdleWatch;
  readonly #repair: WorkerRepair;
  readonly #beats: StartStop;
  readonly #life = startStop(
    () => this.#take(),
    () => this.#end(),
  );
  #state: LeaseState = 'starting';
  #taken = false;

  constructor(options: HeartbeatOptions) {
    const { connection, replica, leaseMs, log } = options;
    this.#options = options;
    this.#leases = new LeaseStore(connection);
    this.#adoption = new AdoptionStore(connection);
    this.#idle = new IdleWatch(connection, replica);
    this.#repair = new WorkerRepair(connection, log);
    this.#beats = periodically(
      leaseMs / 3,
      () => this.#withRepair(() => this.#beat()),
      (error) => log.warn({ err: error }, 'a heartbeat failed'),
    );
  }

  /** Whether the worker has, or had, the lease. */
  get taken(): boolean {
    return this.#taken;
  }

  /** Takes the lease; waits while a predecessor, or an adopter, still holds it. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Renews the lease now, after a time in which it may have been lost. Exits the process if it was. */
  makeCertain(): Promise<boolean> {
    return this.#options.keeper.renew(this.#options.lease, this.#state);
  }

  /** Tells the controller that this worker takes jobs. */
  ready(): Promise<void> {
    return this.#tell('ready');
  }

  /** Tells the controller that this worker takes no more jobs, and leaves when it has finished its own. */
  leaving(): Promise<void> {
    return this.#tell('leaving');
  }

  /** Ends the heartbeat; the last thing that a worker does. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #take(): Promise<void> {
    const { lease, keeper, leaseMs, onSuperseded, log } = this.#options;
    const began = performance.now();
    let announced = Number.NEGATIVE_INFINITY;
    let warned = false;
    for (;;) {
      if (this.#state === 'leaving') throw new Error('the worker leaves before it has taken the lease');
      const result = await this.#withRepair(() => lease.take(this.#state));
      if (result === 'superseded') {
        onSuperseded();
        throw new Error('a newer generation runs');
      }
      if (result === 'taken') break;
      if (performance.now() - announced > leaseMs / 3) {
        log.info('waiting for the predecessor to leave');
        await this.#standBy();
        announced = performance.now();
        // The lease of a dead worker would have expired by now.
        if (!warned && announced - began > 2 * leaseMs) {
          log.warn('another worker has the lease of this replica; this one stands by');
          warned = true;
        }
      }
      await delay(takeRetryDelayMs);
    }
    this.#taken = true;
    // The thread starts while this worker begins to take jobs: the lease holds until then. From here on the
    // thread needs nothing of the main thread, which the first job may block.
    keeper.start().catch((error: unknown) => log.debug({ err: error }, 'the lease thread has not started'));
    keeper.keep(lease, this.#state, onSuperseded);
    await this.#beats.start();
  }

  /** Tells the controller, and an adopter, that this worker could take over at once. */
  async #standBy(): Promise<void> {
    const { replica, generation, leaseMs, healthFile, log } = this.#options;
    if (healthFile !== undefined) touch(healthFile, log);
    await this.#leases.standBy(replica, generation, leaseMs);
    await this.#leases.announce(replica, 'standby');
  }

  async #end(): Promise<void> {
    const { lease, keeper, endsLease } = this.#options;
    if (!this.#taken) return;
    await this.#beats.stop();
    await keeper.release(lease);
    if (endsLease) await lease.end();
  }

  async #tell(state: LeaseState): Promise<void> {
    this.#state = state;
    await this.#withRepair(() => this.makeCertain());
    await this.#leases.announce(this.#options.replica, state);
  }

  async #beat(): Promise<void> {
    const { replica, keeper, running, onRemoved, onRetired } = this.#options;
    if (!keeper.ready) await this.makeCertain();
    const retired = this.#state === 'ready' && (await this.#adoption.isRetired(replica));
    onRemoved(retired);
    if (!retired) this.#idle.reset();
    else if (await this.#idle.isIdleLongEnough(running())) onRetired();
  }

  #withRepair<T>(act: () => Promise<T>): Promise<T> {
    const { replica } = this.#options;
    return this.#repair.withRepair(act, () => ({ adoption: true, replicas: [replica] }));
  }
}
