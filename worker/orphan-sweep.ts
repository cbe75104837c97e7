import type { StartStop } from '#shared/lifecycle.ts';
import { periodically } from '#shared/periodically.ts';
import type { Consumer } from './consumer.ts';
import { activeJobs, reclaim } from './reclaim.ts';
import type { ReclaimOptions } from './reclaim.ts';
import type { Runner } from './runner.ts';

export interface OrphanSweepOptions extends ReclaimOptions {
  readonly runner: Runner;
  readonly consumer: Consumer;
  /** How often to look, in ms. */
  readonly everyMs: number;
}

/**
 * Finds jobs that are active and in nobody's hands: a worker that was frozen may wake up, take a job, find itself
 * superseded and leave. A job is reclaimed when it was seen so twice.
 */
export class OrphanSweep {
  readonly #options: OrphanSweepOptions;
  readonly #life: StartStop;
  #suspects: ReadonlySet<string> = new Set();

  constructor(options: OrphanSweepOptions) {
    this.#options = options;
    this.#life = periodically(
      options.everyMs,
      () => this.#sweep(),
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
    const { redis, keys, replica, runner, consumer } = this.#options;
    // One cheap look where all is well.
    const active = await redis.llen(keys.unfinished(replica).active);
    const strange = active > runner.size ? await activeJobs(this.#options) : [];
    const strangers = strange.filter((id) => !runner.isRunning(id));
    const locks = await Promise.all(strangers.map((id) => redis.get(keys.jobLock(replica, id))));
    const orphans = strangers.filter((_, at) => !consumer.owns(locks[at] ?? ''));
    const certain = orphans.filter((id) => this.#suspects.has(id));
    this.#suspects = new Set(orphans);
    if (certain.length > 0) await reclaim(this.#options, certain);
  }
}
