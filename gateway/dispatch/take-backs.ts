import type { Logger } from '#shared/process/logger.ts';
import type { JobQueues } from '#shared/store/queue/job-queues.ts';
import type { Cancellations } from './cancellations.ts';
import type { WaitingRequest } from './waiter.ts';

type Unwanted = Pick<WaitingRequest, 'id' | 'replica' | 'job'>;

/** A running request of another method may change something, so it runs until it ends. */
const abortedMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Takes back jobs that nobody waits for, if they have not started. While Redis is away they are remembered;
 * after its deadline a job is dropped by its worker. A running request that only reads is aborted.
 */
export class TakeBacks {
  readonly #queues: JobQueues;
  readonly #cancellations: Cancellations;
  readonly #now: () => number;
  readonly #log: Logger;
  readonly #failed = new Map<string, Unwanted>();

  /** @param now Redis time, in ms since the epoch. */
  constructor(queues: JobQueues, cancellations: Cancellations, now: () => number, log: Logger) {
    this.#queues = queues;
    this.#cancellations = cancellations;
    this.#now = now;
    this.#log = log;
  }

  /** Takes the job of a request back, now or when Redis is back. */
  take({ id, replica, job }: Unwanted): void {
    this.#takeNow({ id, replica, job }).catch((error: unknown) => {
      this.#log.debug({ request: id, err: error }, 'a job was not taken back yet');
      this.#failed.set(id, { id, replica, job });
    });
  }

  /** Tries again what has failed; rejects if it fails again. */
  async retry(): Promise<void> {
    const failed = [...this.#failed.values()];
    await Promise.all(
      failed.map(async ({ id, replica, job }) => {
        if (this.#now() < job.deadline) await this.#takeNow({ id, replica, job });
        this.#failed.delete(id);
      }),
    );
  }

  async #takeNow({ id, replica, job }: Unwanted): Promise<void> {
    if (await this.#queues.withdraw(replica, id, job)) return;
    const { method, deadline } = job;
    // A worker aborts a request at its deadline without being told.
    if (abortedMethods.has(method) && this.#now() < deadline) this.#cancellations.announce(id);
  }
}
