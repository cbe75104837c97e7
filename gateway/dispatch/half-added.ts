import type { Redis } from 'ioredis';
import { expectedOfJobs } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';

/** What of a job that is being added has to be known. */
export interface HalfAddedJob {
  readonly id: string;
  /** It may run twice. */
  readonly safe: boolean;
}

/**
 * Adds jobs again after a script failed at a key with garbled data. The script may have added some of the jobs:
 * Redis does not roll back what a failed script has written.
 */
export class HalfAdded {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;

  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#repair = new KeyRepair(redis, keys, log);
  }

  /**
   * @param add adds those of the jobs that it is given.
   * @returns once each of them is added, or is in a worker's hands already.
   * @throws what `add` throws, if garbled data is not the cause. If a job that must not run twice may have run, the
   * error says that the outcome is unknown.
   */
  async adding<Job extends HalfAddedJob>(
    replica: string,
    jobs: readonly Job[],
    add: (jobs: readonly Job[]) => Promise<void>,
  ): Promise<void> {
    try {
      await add(jobs);
    } catch (error) {
      if (!(await this.#repair.after(error, () => expectedOfJobs(this.#keys, replica)))) throw error;
      const missing: Job[] = [];
      let unknown = false;
      for (const job of jobs) {
        const state = await this.#stateOf(replica, job.id);
        if (state === 'missing' || (state === 'gone' && job.safe)) missing.push(job);
        unknown ||= state === 'gone' && !job.safe;
      }
      if (missing.length > 0) await add(missing);
      if (unknown) throw new Error('a job may have been run', { cause: error });
    }
  }

  /** `gone`: it was not added, or is finished already. */
  async #stateOf(replica: string, id: string): Promise<'added' | 'missing' | 'gone'> {
    const { wait, active, prioritized, delayed } = this.#keys.unfinished(replica);
    const places = await Promise.all([
      this.#redis.lpos(wait, id),
      this.#redis.lpos(active, id),
      this.#redis.zscore(prioritized, id),
      this.#redis.zscore(delayed, id),
    ]);
    if (places.some((place) => place !== null)) {
      // The script may not have come so far as to wake the worker.
      await this.#redis.zadd(this.#keys.marker(replica), 0, '0');
      return 'added';
    }
    // In no list, it is never taken: what is there of it was left by the script.
    return (await this.#redis.unlink(this.#keys.job(replica, id))) === 1 ? 'missing' : 'gone';
  }
}
