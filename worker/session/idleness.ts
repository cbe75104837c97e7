import type { IdleTime } from '#shared/contract/lease.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { FinishedRuns } from '../run/finished-runs.ts';
import type { ServedQueues } from './served-queues.ts';

/**
 * Measures for how long a worker has run nothing, so that its replica can be put to sleep. It only compares
 * counts from one measurement to the next, so that no request costs anything.
 */
export class Idleness {
  readonly #served: Pick<ServedQueues, 'size' | 'activity'>;
  readonly #finished: Pick<FinishedRuns, 'remembers'>;
  readonly #clock: Pick<RedisClock, 'now'>;
  /** On the `performance.now()` clock: Redis's clock may be set meanwhile. */
  #since: number | undefined;
  #activity: string | undefined;

  constructor(
    served: Pick<ServedQueues, 'size' | 'activity'>,
    finished: Pick<FinishedRuns, 'remembers'>,
    clock: Pick<RedisClock, 'now'>,
  ) {
    this.#served = served;
    this.#finished = finished;
    this.#clock = clock;
  }

  /**
   * To be called repeatedly.
   * @param now on the `performance.now()` clock.
   * @returns undefined if something runs, or was started since the last call.
   */
  measure(now: number): IdleTime | undefined {
    const { size, activity } = this.#served;
    const isIdle = size === 0 && activity === this.#activity;
    this.#activity = activity;
    this.#since = isIdle ? (this.#since ?? now) : undefined;
    if (this.#since === undefined) return undefined;
    const since = Math.round(this.#clock.now() - (now - this.#since));
    return { since, remembers: this.#finished.remembers(now) };
  }
}
