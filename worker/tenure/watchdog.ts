import type { Redis } from 'ioredis';
import { expectedOfJobs } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import { waitingOf } from '#shared/store/replica-queue.ts';
import type { Runner } from '../run/runner.ts';

export interface WatchdogOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly replica: string;
  readonly runner: Runner;
  /** How often to look, in ms. */
  readonly everyMs: number;
  /** Called when waking the consumer up did not help: only a new worker will. */
  readonly onStuck: () => void;
  readonly log: Logger;
}

/** Looks in a row without progress after which the consumer is woken up, and after which it is given up. */
const wakeAfter = 2;
const giveUpAfter = 6;

/**
 * Sees jobs that wait while a live worker does nothing: a wake-up was lost, or the consumer has silently stopped. First
 * it is woken up; where that does not help the worker goes, and another one takes its place.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #life: StartStop;
  #idleLooks = 0;
  #runsBefore = 0;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    const { redis, keys, replica, log } = options;
    const repair = new KeyRepair(redis, keys, log, 'worker');
    this.#life = periodically(
      options.everyMs,
      () =>
        repair.mending(
          () => this.#look(),
          () => expectedOfJobs(keys, replica),
        ),
      (error) => options.log.warn({ err: error }, 'a look failed'),
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #look(): Promise<void> {
    const { redis, keys, replica, runner, onStuck, log } = this.#options;
    const progress = runner.size > 0 || runner.runs !== this.#runsBefore;
    this.#runsBefore = runner.runs;
    const waiting = progress ? 0 : await waitingOf(redis, keys, replica);
    this.#idleLooks = waiting === 0 ? 0 : this.#idleLooks + 1;
    if (this.#idleLooks === wakeAfter) {
      log.warn({ waiting }, 'jobs wait and nothing is run; waking the consumer up');
      // BullMQ's own wake-up of a worker that blocks.
      await redis.zadd(keys.marker(replica), 0, '0');
    }
    if (this.#idleLooks < giveUpAfter) return;
    log.error({ waiting }, 'jobs wait and nothing is run; leaving, for another worker to take over');
    onStuck();
  }
}
