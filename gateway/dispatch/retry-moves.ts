import { setTimeout as delay } from 'node:timers/promises';
import type { RetryNotice } from '#shared/contract/retry-notice.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { JobQueues } from '#shared/store/queue/job-queues.ts';
import { subscribeToRetries } from '#shared/store/queue/retry-channel.ts';
import { commandFate } from '#shared/store/redis/command-fate.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { Loads } from '../load/loads.ts';
import type { Placed } from '../load/placement.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { QueueCounts } from './queue-counts.ts';
import type { Selection } from './selection.ts';
import type { TakeBacks } from './take-backs.ts';
import type { Waiter } from './waiter.ts';
import type { Waiters } from './waiters.ts';

export interface RetryMovesOptions {
  /** A patient connection for subscriptions, which others may share. */
  readonly subscriber: Connection;
  readonly queues: Pick<JobQueues, 'move'>;
  readonly waiters: Waiters;
  readonly selection: Pick<Selection, 'selectForRetry'>;
  readonly loads: Pick<Loads, 'want'>;
  readonly counts: QueueCounts;
  readonly dispatcher: Pick<Dispatcher, 'waitElsewhere'>;
  readonly takeBacks: Pick<TakeBacks, 'take'>;
  /** @returns Redis time, in ms since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
}

/** A replica is selected so long before the attempt is due, in ms: late enough to know the loads. */
const leadMs = 10;
/** More retries than these stay where they are. */
const maxRemembered = 10_000;
/** After a call of which it is not known whether Redis has carried it out, in ms. */
const askAgainMs = 100;
/** How long after the last deadline of a request without a record it is known where its job is, in ms. */
const knownAfterMs = 60_000;

/**
 * Selects the replica anew of a request that runs again after an answer, and moves its job there. The worker
 * has put the job back into its own queue, where it runs again if nothing happens here. The gateway at which
 * a client waits does this. For a request with a record all gateways do, and the first one moves it.
 */
export class RetryMoves {
  readonly #options: RetryMovesOptions;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #life: StartStop;
  #isStopped = false;

  constructor(options: RetryMovesOptions) {
    this.#options = options;
    this.#life = startStop(
      () => subscribeToRetries(options.subscriber, (notice) => this.#remember(notice)),
      () => {
        this.#isStopped = true;
        for (const timer of this.#timers) clearTimeout(timer);
        this.#timers.clear();
        return Promise.resolve();
      },
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  /** Retries that are not moved by then stay where they are. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  #remember(notice: RetryNotice): void {
    const { waiters, loads, now } = this.#options;
    if (this.#isStopped || this.#timers.size >= maxRemembered) return;
    if (notice.gateway !== '' && waiters.get(notice.id) === undefined) return;
    if (notice.affinity === 'loose') loads.want(performance.now());
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        this.#select(notice);
      },
      Math.max(0, notice.due - leadMs - now()),
    );
    this.#timers.add(timer);
  }

  #select(notice: RetryNotice): void {
    const { waiters, selection, log } = this.#options;
    const { id, replica: from, gateway } = notice;
    const waiter = waiters.get(id);
    // It may have ended, or may have been dispatched again, since.
    const waits = waiter?.state === 'waiting' && waiter.request.replica === from;
    if (gateway !== '' && !waits) return;
    const placed = selection.selectForRetry(notice);
    if (placed === undefined || placed.replica === from) return;
    const moving =
      gateway === '' || waiter === undefined
        ? this.#moveRecorded(notice, placed)
        : this.#moveWaiting(waiter, notice, placed);
    moving.then(
      (moved) => {
        if (moved) log.debug({ request: id, from, to: placed.replica }, 'another replica runs a retry');
      },
      (error: unknown) => log.debug({ request: id, err: error }, 'a retry stays where it is'),
    );
  }

  /** @param until when the request has ended, its answer included, in ms since the epoch, in Redis time. */
  #move(
    { id, replica: from, gateway, deadline }: RetryNotice,
    { replica, spilledFrom }: Placed,
    until = deadline,
  ): Promise<boolean> {
    const { queues, now } = this.#options;
    return queues.move({
      id,
      from,
      to: replica,
      spilledFrom,
      isRecorded: gateway === '',
      ttlMs: Math.max(0, until - now()) + knownAfterMs,
    });
  }

  async #moveRecorded(notice: RetryNotice, placed: Placed): Promise<boolean> {
    // Many retries may be due at once. Until Redis has told the load anew, each counts those before it.
    const count = this.#options.counts.of(placed.replica);
    count.send();
    let moved = false;
    try {
      moved = await this.#move(notice, placed);
      return moved;
    } finally {
      if (moved) count.arrive();
      else count.drop();
    }
  }

  /** Its client waits for the answer from the other replica before the job is there. */
  async #moveWaiting(waiter: Waiter, notice: RetryNotice, placed: Placed): Promise<boolean> {
    const { waiters, dispatcher, takeBacks } = this.#options;
    const moving = dispatcher.waitElsewhere(waiter, placed);
    const moved = await this.#moveForSure(notice, placed, waiter.request.job.until);
    if (moving.state === 'leaving') {
      moving.become('done');
      takeBacks.take((moved ? moving : waiter).request);
    } else if (moved) {
      waiters.arrive(moving);
    } else if (moving.state === 'adding') {
      waiters.arrive(dispatcher.waitElsewhere(moving, waiter.request));
    }
    return moved;
  }

  /**
   * Moves a job, and asks again if the connection broke before Redis had answered: the job is in one of the
   * two queues, and its waiter has to know which. Never rejects.
   */
  async #moveForSure(notice: RetryNotice, placed: Placed, until: number | undefined): Promise<boolean> {
    for (let mayBeMoved = false; ;) {
      try {
        return await this.#move(notice, placed, until);
      } catch (error) {
        mayBeMoved ||= commandFate(error) === 'unknown';
      }
      if (!mayBeMoved || this.#isStopped || this.#options.now() > notice.deadline) return false;
      await delay(askAgainMs);
    }
  }
}
