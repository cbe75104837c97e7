import { startStop } from '#shared/lifecycle.ts';
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
  readonly #life = startStop(
    () => this.#start(),
    () => this.#stop(),
  );
  #suspects: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;

  constructor(options: OrphanSweepOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  #start(): Promise<void> {
    const { everyMs, log } = this.#options;
    this.#timer = setInterval(() => {
      // While Redis is slow, sweeps that pile up would see the same job twice at once.
      this.#sweeping ??= this.#sweep()
        .catch((error: unknown) => log.warn({ err: error }, 'a sweep failed'))
        .finally(() => {
          this.#sweeping = undefined;
        });
    }, everyMs);
    return Promise.resolve();
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
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
