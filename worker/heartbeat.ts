import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import type { Keys } from '#shared/keys.ts';
import type { Lease, WorkerState } from '#shared/contract/lease.ts';
import { retiredQuietMs } from '#shared/settings/common.ts';
import { startStop } from '#shared/lifecycle.ts';
import type { Logger } from '#shared/logger.ts';
import { backlogOf } from '#shared/replica-queue.ts';
import { scriptsOn } from '#shared/scripts/load.ts';
import type { RunScript } from '#shared/scripts/load.ts';

export interface HeartbeatOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly replica: string;
  readonly generation: number;
  /** The lease's TTL in ms; it is renewed three times as often. */
  readonly leaseMs: number;
  /**
   * Whether the lease ends with the heartbeat. Where a driver watches this process it is the driver that ends the
   * lease, when the process is gone: a worker without a lease that is still there would look like one that hangs.
   */
  readonly endsLease: boolean;
  /** Touched with each heartbeat. */
  readonly healthFile: string | undefined;
  /** How many requests the worker runs now. */
  readonly running: () => number;
  /** A newer generation exists: this worker has to go at once. */
  readonly onSuperseded: () => void;
  /** The replica was removed and holds nothing any more: this worker may go. */
  readonly onRetired: () => void;
  readonly log: Logger;
}

/** How often a starting worker looks whether its predecessor's lease is over, in ms. */
const takeRetryMs = 25;

/** The worker's lease on its replica: taken before it takes jobs, renewed while it lives, ended when it goes. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #run: RunScript;
  readonly #started = Date.now();
  readonly #life = startStop(
    () => this.#take(),
    () => this.#end(),
  );
  #state: WorkerState = 'starting';
  #timer: NodeJS.Timeout | undefined;
  #quietSince: number | undefined;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #beating: Promise<void> = Promise.resolve();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#run = scriptsOn(options.redis);
  }

  /** Takes the lease; waits while a predecessor still holds it. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /**
   * Whether the lease is certainly ours: counted from before it was last renewed, by a clock that goes on while the
   * process is frozen.
   */
  get certain(): boolean {
    return performance.now() - this.#renewedAt < this.#options.leaseMs;
  }

  /** Makes sure of the lease after a time in which it may have been lost; a worker that has lost it ends here. */
  async makeCertain(): Promise<void> {
    if ((await this.#renew()) !== 1) this.#options.onSuperseded();
  }

  /** Tells the controller that this worker takes jobs. */
  async ready(): Promise<void> {
    this.#state = 'ready';
    await this.#beat();
    await this.#announce('ready');
  }

  /** Tells the controller that this worker takes no more jobs and will go when it has finished those it holds. */
  async leaving(): Promise<void> {
    this.#state = 'leaving';
    await this.#beat();
    await this.#announce('leaving');
  }

  /** Ends the heartbeat; the last thing a worker does. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #take(): Promise<void> {
    const { leaseMs, log } = this.#options;
    let announced = Number.NEGATIVE_INFINITY;
    while ((await this.#renew()) === 0) {
      if (performance.now() - announced > leaseMs / 3) {
        log.info('waiting for the predecessor to go');
        await this.#stand();
        announced = performance.now();
      }
      await new Promise((resolve) => setTimeout(resolve, takeRetryMs));
    }
    this.#timer = setInterval(() => {
      this.#beating = this.#beat().catch((error: unknown) => log.warn({ err: error }, 'a heartbeat failed'));
    }, leaseMs / 3);
  }

  /** Tells the controller that this worker could take over at once. */
  async #stand(): Promise<void> {
    const { redis, keys, replica, generation, leaseMs } = this.#options;
    await redis.set(keys.standby(replica), generation, 'PX', leaseMs);
    await this.#announce('standby');
  }

  async #end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    const { keys, replica, generation, endsLease } = this.#options;
    if (endsLease) await this.#run('end-lease', keys.lease(replica), generation);
  }

  /** @returns 1 when the lease is ours, 0 while an older generation holds it. */
  async #renew(): Promise<number> {
    const { keys, replica, generation, leaseMs, onSuperseded } = this.#options;
    const lease: Lease = {
      generation,
      state: this.#state,
      pid: process.pid,
      host: hostname(),
      started: this.#started,
    };
    const asked = performance.now();
    const result = await this.#run(
      'beat',
      keys.lease(replica),
      keys.currentGeneration(replica),
      generation,
      leaseMs,
      JSON.stringify(lease),
    );
    if (result === 1) this.#renewedAt = asked;
    if (result === -1) onSuperseded();
    return Number(result);
  }

  async #beat(): Promise<void> {
    const { keys, redis, replica } = this.#options;
    const [, retired] = await Promise.all([this.#renew(), redis.hexists(keys.retired, replica)]);
    const { healthFile } = this.#options;
    if (healthFile !== undefined) await writeFile(healthFile, '');
    if (retired === 1 && this.#state === 'ready') await this.#retire();
    else this.#quietSince = undefined;
  }

  /** A retired worker goes once its queue has been empty for longer than any gateway routes by an old ring. */
  async #retire(): Promise<void> {
    const { keys, redis, replica, running, onRetired } = this.#options;
    if (running() > 0 || (await backlogOf(redis, keys, replica)) > 0) {
      this.#quietSince = undefined;
      return;
    }
    this.#quietSince ??= Date.now();
    if (Date.now() - this.#quietSince >= retiredQuietMs) onRetired();
  }

  async #announce(what: string): Promise<void> {
    const { keys, redis, replica } = this.#options;
    await redis.publish(keys.changes, `${what} ${replica}`);
  }
}
