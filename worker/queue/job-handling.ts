import { Job } from 'bullmq';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { JobData } from '#shared/contract/job.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { openQueue } from '#shared/store/open-queue.ts';

export interface JobHandlingOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly replica: string;
  /** Of the locks on the jobs. */
  readonly token: string;
  readonly log: Logger;
}

/** What is done with single jobs in BullMQ's own way, since few need it. Nothing of it ever rejects. */
export class JobHandling {
  readonly #options: JobHandlingOptions;
  #opened: Queue<JobData> | undefined;

  constructor(options: JobHandlingOptions) {
    this.#options = options;
  }

  /** Puts a job back, to be taken again at a time in ms since the epoch by Redis's clock. */
  async putBack(id: string, notBefore: number): Promise<void> {
    const { redis, token, log } = this.#options;
    try {
      await (await this.#job(id))?.moveToDelayed(clockOf(redis).toOwn(notBefore), token);
    } catch (error) {
      // It stays active, in nobody's hands: the sweep finds it. To fail would be to give it up.
      log.warn({ request: id, err: error }, 'a job could not be put back');
    }
  }

  /** As BullMQ's own worker does with a job whose processing has thrown. */
  async fail(id: string, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error : new Error(String(error));
    try {
      await (await this.#job(id))?.moveToFailed(reason, this.#options.token, false);
    } catch (failure) {
      this.#options.log.warn({ request: id, err: failure }, 'a job could not be finished');
    }
  }

  /** Renews the locks of jobs, for a time in ms. */
  keepLocks(ids: Iterable<string>, lockMs: number): void {
    const { redis, keys, replica, log } = this.#options;
    for (const id of ids) {
      redis.pexpire(keys.jobLock(replica, id), lockMs).catch((error: unknown) => {
        log.debug({ request: id, err: error }, 'a lock was not renewed');
      });
    }
  }

  async #job(id: string): Promise<Job<JobData> | undefined> {
    return Job.fromId<JobData>(this.#queue, id);
  }

  /** Lets go of the queue, if it was opened; the connection stays open. */
  async close(): Promise<void> {
    await this.#opened?.close();
    this.#opened = undefined;
  }

  get #queue(): Queue<JobData> {
    const { redis, keys, replica, log } = this.#options;
    if (this.#opened === undefined) {
      this.#opened = openQueue(redis, keys, replica);
      this.#opened.on('error', (error) => log.debug({ err: error }, 'the queue reports an error'));
    }
    return this.#opened;
  }
}
