import { expectedOfConsumer, expectedOfRequest } from '#shared/store/repair/expected-keys.ts';
import type { ExpectedKey } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import { periodically } from '#shared/process/periodically.ts';
import { activeJobs, reclaim } from './reclaim.ts';
import type { ReclaimOptions } from './reclaim.ts';
import type { Fenced } from '#shared/contract/fenced.ts';
import type { Runner } from '../run/runner.ts';
import { parseDelivery } from '#shared/contract/delivery.ts';

export interface OrphanSweepOptions extends ReclaimOptions {
  readonly runner: Runner;
  /** By which the worker serves the queue. */
  readonly lease: Fenced;
  /** How often to look, in ms. */
  readonly everyMs: number;
}

/**
 * Finds jobs that are active and in nobody's hands: a worker that was frozen may wake up, take a job, find itself
 * superseded and leave; and the answer with which Redis gives a job out may be lost with its connection, so that the
 * very worker that has the job's lock does not know of it. With the lease in hand, whatever this worker does not run
 * nobody runs, unless it has yet to read it. A job is reclaimed when it was seen so twice: one that is about to be run, or
 * was just finished, is not.
 */
export class OrphanSweep {
  readonly #options: OrphanSweepOptions;
  readonly #life: StartStop;
  #suspects: ReadonlySet<string> = new Set();

  constructor(options: OrphanSweepOptions) {
    this.#options = options;
    const { redis, keys, log } = options;
    const repair = new KeyRepair(redis, keys, log, 'worker');
    this.#life = periodically(
      options.everyMs,
      () =>
        repair.mending(
          () => this.#sweep(),
          () => this.#expected(),
        ),
      (error) => options.log.warn({ err: error }, 'a sweep failed'),
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #sweep(): Promise<void> {
    const { redis, keys, replica, runner } = this.#options;
    // One cheap look where all is well.
    const active = await redis.llen(keys.unfinished(replica).active);
    const strange = active > runner.size ? await activeJobs(this.#options) : [];
    const unread = strange.length > 0 ? await this.#unread() : new Set();
    const orphans = strange.filter((id) => !runner.isRunning(id) && !unread.has(id));
    const certain = orphans.filter((id) => this.#suspects.has(id));
    this.#suspects = new Set(orphans);
    if (certain.length > 0) await reclaim(this.#options, certain);
  }

  #expected(): ExpectedKey[] {
    const { keys, replica, lease } = this.#options;
    const requests = [...this.#suspects].flatMap((id) => expectedOfRequest(keys, replica, id));
    return [...expectedOfConsumer(keys, lease), ...requests];
  }

  async #unread(): Promise<ReadonlySet<string | undefined>> {
    const { redis, keys, replica, lease } = this.#options;
    const deliveries = await redis.lrange(keys.deliveries(replica, lease.fence), 0, -1);
    const unread = deliveries.map(parseDelivery);
    return new Set(unread.map((delivery) => (delivery === 'end' ? undefined : delivery.id)));
  }
}
