import type { Logger } from '#shared/process/logger.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { Cancellations } from './cancellations.ts';
import type { JobQueues } from './job-queues.ts';
import type { Waiter } from './waiters.ts';

type Abandoned = Pick<Waiter, 'id' | 'replica' | 'job'>;

/** Nobody is served by the end of these if their client has gone; others change something, and are finished. */
const endedWithClient: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Jobs that nobody waits for any more, taken back before they are started. What cannot be taken back because Redis is
 * away is taken back when that is over; past its deadline a job is dropped by its worker. One that is started and only
 * reads is let go by its worker.
 */
export class TakeBacks {
  readonly #queues: JobQueues;
  readonly #cancellations: Cancellations;
  readonly #clock: RedisClock;
  readonly #log: Logger;
  readonly #failed = new Map<string, Abandoned>();

  constructor(queues: JobQueues, cancellations: Cancellations, clock: RedisClock, log: Logger) {
    this.#queues = queues;
    this.#cancellations = cancellations;
    this.#clock = clock;
    this.#log = log;
  }

  /** Takes the job of a request back, now or when Redis is there again. */
  take({ id, replica, job }: Abandoned): void {
    this.#takeNow({ id, replica, job }).catch((error: unknown) => {
      this.#log.debug({ request: id, err: error }, 'not taken back yet');
      this.#failed.set(id, { id, replica, job });
    });
  }

  /** Tries again what has failed; rejects where it fails again. */
  async again(): Promise<void> {
    const failed = [...this.#failed.values()];
    await Promise.all(
      failed.map(async ({ id, replica, job }) => {
        if (this.#clock.now() < job.deadline) await this.#takeNow({ id, replica, job });
        this.#failed.delete(id);
      }),
    );
  }

  async #takeNow({ id, replica, job: { method, deadline } }: Abandoned): Promise<void> {
    if (await this.#queues.takeBack(replica, id)) return;
    // At its deadline its worker lets it go without a word.
    if (endedWithClient.has(method) && this.#clock.now() < deadline) this.#cancellations.tell(id);
  }
}
