import { storedBody } from '#shared/contract/job.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { Logger } from '#shared/process/logger.ts';
import { SparseWarning } from '#shared/process/sparse-warning.ts';
import type { JobQueues } from '#shared/store/queue/job-queues.ts';
import { commandFate } from '#shared/store/redis/command-fate.ts';
import type { RedisOutage } from '#shared/store/redis/redis-outage.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import type { TakeBacks } from './take-backs.ts';
import type { Waiter } from './waiter.ts';
import type { Waiters } from './waiters.ts';

export interface EnqueuerOptions {
  readonly queues: JobQueues;
  readonly waiters: Waiters;
  readonly takeBacks: TakeBacks;
  /** Of the connection that the queues use. */
  readonly outage: RedisOutage;
  readonly watcher: Pick<RingWatcher, 'stale'>;
  readonly replyTimeoutMs: number;
  readonly log: Logger;
}

/** A body in its own key outlives the wait for the answer by this time, in ms. */
const bodyGraceMs = 60_000;

/** Adds the jobs of waiters to the queues of their replicas, also after a short outage of Redis. */
export class Enqueuer {
  readonly #options: EnqueuerOptions;
  readonly #notAdded: SparseWarning;

  constructor(options: EnqueuerOptions) {
    this.#options = options;
    this.#notAdded = new SparseWarning(options.log, 'jobs could not be added');
  }

  /**
   * Adds the job of a waiter that was just made.
   * @param onRefused called if the job was certainly not added, and the client still waits.
   */
  enqueue(waiter: Waiter, onRefused: (waiter: Waiter, problem: Problem) => void): void {
    this.#add(waiter).then(
      () => this.#onMaybeAdded(waiter),
      (error: unknown) => void this.#onFailed(waiter, error, onRefused),
    );
  }

  /** @returns once the job is in Redis. */
  #add(waiter: Waiter): Promise<void> {
    const { queues, replyTimeoutMs } = this.#options;
    const { id, replica, job, body } = waiter.request;
    const stored = storedBody(job) ? { body, ttlMs: replyTimeoutMs + bodyGraceMs } : undefined;
    try {
      return queues.add(replica, id, job, stored);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The job is in Redis, or may be. */
  #onMaybeAdded(waiter: Waiter): void {
    waiter.request.sending?.end();
    const { waiters, takeBacks } = this.#options;
    if (waiter.state === 'leaving') {
      waiter.become('done');
      takeBacks.take(waiter.request);
    } else waiters.arrive(waiter);
  }

  /** Never rejects. */
  async #onFailed(
    waiter: Waiter,
    error: unknown,
    onRefused: (waiter: Waiter, problem: Problem) => void,
  ): Promise<void> {
    const { outage, watcher } = this.#options;
    const fate = commandFate(error);
    if (fate === 'unknown') {
      // Redis may have added the job before the connection broke. `LostRequests` finds out.
      this.#onMaybeAdded(waiter);
      return;
    }
    const mayRetry =
      fate === 'unsent' && waiter.isWaitedFor && (await outage.waitUntilOver()) && !watcher.stale;
    if (waiter.state === 'leaving') waiter.become('done');
    if (!waiter.isWaitedFor) {
      waiter.request.sending?.end();
      return;
    }
    if (mayRetry) {
      this.enqueue(waiter, onRefused);
      return;
    }
    this.#notAdded.warn({ request: waiter.request.id, err: error });
    const problem = new Problem('redis_away', 'Redis does not take requests now.', { cause: error });
    waiter.request.sending?.end(problem);
    onRefused(waiter, problem);
  }
}
