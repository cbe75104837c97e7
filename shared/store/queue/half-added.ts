import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfJobs } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';

/** What {@link HalfAdded} needs to know about a job. */
export interface HalfAddedJob {
  readonly id: string;
  /** Whether it may run twice. */
  readonly repeatable: boolean;
}

/** What BullMQ writes into a queue's marker set to wake a worker. */
const wakingMarker = { score: 0, member: '0' } as const;

/**
 * Adds jobs again after a script failed at a key with garbled data. The script may have added some of the
 * jobs, because Redis does not roll back what a failed script has written.
 */
export class HalfAdded {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;

  constructor(connection: Connection, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#repair = new KeyRepair(connection, log);
  }

  /**
   * @param add adds the jobs that it is given.
   * @returns once each job is added, or held by a worker already.
   * @throws what `add` throws, if garbled data is not the cause. If a job that must not run twice may have
   * run, the error says that the outcome is unknown.
   */
  async adding<Job extends HalfAddedJob>(
    replica: string,
    jobs: readonly Job[],
    add: (jobs: readonly Job[]) => Promise<unknown>,
  ): Promise<void> {
    try {
      await add(jobs);
    } catch (error) {
      if (!(await this.#repair.after(error, () => expectedOfJobs(this.#keys, replica)))) throw error;
      const missing: Job[] = [];
      let unknown = false;
      for (const job of jobs) {
        const state = await this.#stateOf(replica, job.id);
        if (state === 'missing' || (state === 'gone' && job.repeatable)) missing.push(job);
        unknown ||= state === 'gone' && !job.repeatable;
      }
      if (missing.length > 0) await add(missing);
      if (unknown) throw new Error('a job may have been run', { cause: error });
    }
  }

  /** @returns `gone` if the job was not added, or is finished already. */
  async #stateOf(replica: string, id: string): Promise<'added' | 'missing' | 'gone'> {
    const { wait, active, prioritized, delayed } = this.#keys.unfinished(replica);
    const places = await Promise.all([
      this.#redis.lpos(wait, id),
      this.#redis.lpos(active, id),
      this.#redis.zscore(prioritized, id),
      this.#redis.zscore(delayed, id),
    ]);
    const streams = await this.#redis.sismember(this.#keys.streams(replica), id);
    if (streams === 1 || places.some((place) => place !== null)) {
      // The script may have failed before it woke the worker.
      await this.#redis.zadd(this.#keys.marker(replica), wakingMarker.score, wakingMarker.member);
      return 'added';
    }
    // A job in no list is never taken: the failed script left this one behind.
    return (await this.#redis.unlink(this.#keys.job(replica, id))) === 1 ? 'missing' : 'gone';
  }
}
