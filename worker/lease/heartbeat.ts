import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { expectedOfReplica, expectedOfAdoption } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { LeaseState } from '#shared/contract/lease.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import { Quiet } from './quiet.ts';
import type { ReplicaLease } from './replica-lease.ts';

export interface HeartbeatOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly replica: string;
  readonly generation: number;
  /** The lease on the worker's own replica. */
  readonly lease: ReplicaLease;
  /** Renews it. */
  readonly keeper: LeaseKeeper;
  /** The lease's TTL in ms. */
  readonly leaseMs: number;
  /**
   * Whether the lease ends with the heartbeat. Where a driver watches this process it is the driver that ends the
   * lease, when the process is gone: a worker without a lease that is still there would look like one that hangs.
   */
  readonly endsLease: boolean;
  /** How many requests of the replica's queue the worker runs now. */
  readonly running: () => number;
  /** A newer generation exists: this worker has to go at once. */
  readonly onSuperseded: () => void;
  /** The replica was removed and holds nothing any more: this worker may go. */
  readonly onRetired: () => void;
  readonly log: Logger;
}

/** How often a starting worker looks whether its predecessor's lease is over, in ms. */
const takeRetryMs = 25;

/**
 * The worker's lease on its own replica: taken before it takes jobs, kept while it lives, ended when it goes. It also sees
 * when a replica that was removed may go.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #quiet: Quiet;
  readonly #repair: KeyRepair;
  readonly #beats: StartStop;
  readonly #life = startStop(
    () => this.#take(),
    () => this.#end(),
  );
  #state: LeaseState = 'starting';

  constructor(options: HeartbeatOptions) {
    const { redis, keys, replica, leaseMs, log } = options;
    this.#options = options;
    this.#quiet = new Quiet(redis, keys, replica);
    this.#repair = new KeyRepair(redis, keys, log, 'worker');
    this.#beats = periodically(
      leaseMs / 3,
      () => this.#mending(() => this.#beat()),
      (error) => log.warn({ err: error }, 'a heartbeat failed'),
    );
  }

  /** Takes the lease; waits while a predecessor, or an adopter, still holds it. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Makes sure of the lease after a time in which it may have been lost; a worker that has lost it ends here. */
  makeCertain(): Promise<boolean> {
    return this.#options.keeper.renew(this.#options.lease, this.#state);
  }

  /** Tells the controller that this worker takes jobs. */
  ready(): Promise<void> {
    return this.#tell('ready');
  }

  /** Tells the controller that this worker takes no more jobs and will go when it has finished those it holds. */
  leaving(): Promise<void> {
    return this.#tell('leaving');
  }

  /** Ends the heartbeat; the last thing a worker does. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #take(): Promise<void> {
    const { lease, keeper, leaseMs, onSuperseded, log } = this.#options;
    let announced = Number.NEGATIVE_INFINITY;
    for (;;) {
      const result = await this.#mending(() => lease.take(this.#state));
      if (result === 'superseded') onSuperseded();
      if (result === 'taken') break;
      if (performance.now() - announced > leaseMs / 3) {
        log.info('waiting for the predecessor to go');
        await this.#stand();
        announced = performance.now();
      }
      await delay(takeRetryMs);
    }
    // The thread starts while this worker begins to take jobs: the lease holds until then. It needs nothing more of this
    // thread, so that the first job may block it.
    keeper.start().catch((error: unknown) => log.debug({ err: error }, 'the lease thread has not started'));
    keeper.keep(lease, this.#state, onSuperseded);
    await this.#beats.start();
  }

  /** Tells the controller, and an adopter, that this worker could take over at once. */
  async #stand(): Promise<void> {
    const { redis, keys, replica, generation, leaseMs } = this.#options;
    await redis.set(keys.standby(replica), generation, 'PX', leaseMs);
    await this.#announce('standby');
  }

  async #end(): Promise<void> {
    const { lease, keeper, endsLease } = this.#options;
    await this.#beats.stop();
    await keeper.letGo(lease);
    if (endsLease) await lease.end();
  }

  async #tell(state: LeaseState): Promise<void> {
    this.#state = state;
    await this.#mending(() => this.makeCertain());
    await this.#announce(state);
  }

  async #beat(): Promise<void> {
    const { keys, redis, replica, keeper, running, onRetired } = this.#options;
    if (!keeper.ready) await this.makeCertain();
    const retired = await redis.hexists(keys.retired, replica);
    if (retired === 0 || this.#state !== 'ready') this.#quiet.reset();
    else if (await this.#quiet.longEnough(running())) onRetired();
  }

  #mending<T>(act: () => Promise<T>): Promise<T> {
    const { keys, replica } = this.#options;
    return this.#repair.mending(act, () => [
      ...expectedOfAdoption(keys),
      ...expectedOfReplica(keys, replica),
    ]);
  }

  async #announce(what: string): Promise<void> {
    const { keys, redis, replica } = this.#options;
    await redis.publish(keys.changes, `${what} ${replica}`);
  }
}
