import type { Logger } from '#shared/logger.ts';
import type { JobQueues } from './job-queues.ts';
import type { Waiter } from './waiters.ts';

/**
 * Jobs that nobody waits for any more, taken back before they are started. What cannot be taken back because Redis is
 * away is taken back when that is over; past its deadline a job is dropped by its worker.
 */
export class TakeBacks {
  readonly #queues: JobQueues;
  readonly #log: Logger;
  readonly #failed = new Map<string, Pick<Waiter, 'id' | 'replica' | 'job'>>();

  constructor(queues: JobQueues, log: Logger) {
    this.#queues = queues;
    this.#log = log;
  }

  /** Takes the job of a request back, now or when Redis is there again. */
  take({ id, replica, job }: Waiter): void {
    this.#queues.takeBack(replica, id).catch((error: unknown) => {
      this.#log.debug({ request: id, err: error }, 'not taken back yet');
      this.#failed.set(id, { id, replica, job });
    });
  }

  /** Tries again what has failed; rejects where it fails again. */
  async again(): Promise<void> {
    const failed = [...this.#failed.values()];
    await Promise.all(
      failed.map(async ({ id, replica, job }) => {
        if (Date.now() < job.deadline) await this.#queues.takeBack(replica, id);
        this.#failed.delete(id);
      }),
    );
  }
}
