import type { Logger } from '#shared/process/logger.ts';
import { QueueJobs } from '#shared/store/queue/queue-jobs.ts';
import type { Connection } from '#shared/store/redis/connection.ts';

export interface JobHandlingOptions {
  readonly connection: Connection;
  readonly replica: string;
  /** The token of the locks on the jobs, once the lease is taken. */
  readonly token: () => string;
  readonly log: Logger;
}

/** Moves single jobs of the batched consumer, which few of them need. None of its methods rejects. */
export class JobHandling {
  readonly #jobs: QueueJobs;
  readonly #token: () => string;
  readonly #log: Logger;

  constructor({ connection, replica, token, log }: JobHandlingOptions) {
    this.#jobs = new QueueJobs(connection, replica, log);
    this.#token = token;
    this.#log = log;
  }

  /** Puts a job back, to be taken again at a time in ms since the epoch, in Redis time. */
  async putBack(id: string, notBefore: number): Promise<void> {
    try {
      await this.#jobs.delayUntil(id, notBefore, this.#token());
    } catch (error) {
      // It stays active without being run, and the sweep finds it. If it failed here, it would be lost.
      this.#log.warn({ request: id, err: error }, 'a job could not be put back');
    }
  }

  /** Finishes a job whose run has thrown. */
  async fail(id: string, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error : new Error(String(error));
    try {
      await (await this.#jobs.find(id))?.fail(reason, this.#token());
    } catch (failure) {
      this.#log.warn({ request: id, err: failure }, 'a job could not be finished');
    }
  }

  /** Renews the locks of jobs, for a time in ms. */
  renewLocks(ids: Iterable<string>, lockMs: number): void {
    for (const id of ids) {
      this.#jobs.renewLock(id, lockMs).catch((error: unknown) => {
        this.#log.debug({ request: id, err: error }, 'a lock was not renewed');
      });
    }
  }

  /** Closes the queue; the connection stays open. */
  close(): Promise<void> {
    return this.#jobs.close();
  }
}
