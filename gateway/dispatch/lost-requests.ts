import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import type { JobQueues } from '#shared/store/queue/job-queues.ts';
import { LeaseReader } from '#shared/store/lease/lease-reader.ts';
import { isRepeatable } from '#shared/contract/redelivery.ts';
import { countsOf } from '#shared/store/ring/cluster-counts.ts';
import type { ClusterCounts } from '#shared/store/ring/cluster-counts.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { ReplyInbox } from './reply-inbox.ts';
import type { TakeBacks } from './take-backs.ts';
import type { Waiter } from './waiter.ts';
import type { Waiters } from './waiters.ts';

export interface LostRequestsOptions {
  /** The connection that the queues use. */
  readonly connection: Connection;
  /** The connection that the inbox reads from. A reply may have been on it when it broke. */
  readonly reader: Connection;
  readonly waiters: Waiters;
  readonly queues: JobQueues;
  readonly inbox: Pick<ReplyInbox, 'caughtUp'>;
  readonly takeBacks: TakeBacks;
  /** Tells whose jobs are taken: those of replicas that are desired, or retired and not empty yet. */
  readonly watcher: Pick<RingWatcher, 'isServed'>;
  /** Decides what becomes of the requests that are found. */
  readonly dispatcher: Pick<Dispatcher, 'handleLost' | 'redispatch'>;
  readonly log: Logger;
}

/** How often waiting requests are checked, in ms; a periodic check skips those that have waited for less. */
const checkIntervalMs = 2000;
/** Requests that one log line names. */
const maxNamed = 20;

/**
 * Finds waiting requests that would never be answered: Redis may have lost jobs, a connection may have broken
 * under a reply, or a job may have arrived late in the queue of a replica that is gone. It checks
 * periodically, and at once after an outage and after each change of the ring.
 *
 * While a client waits, its job leaves Redis only together with its reply. So a request is lost if its job is
 * gone, or held by a dead worker that nobody replaces, and all replies that were in the inboxes after that
 * are read.
 */
export class LostRequests {
  readonly #options: LostRequestsOptions;
  readonly #leases: LeaseReader;
  readonly #counts: ClusterCounts;
  readonly #life: StartStop;
  readonly #reported = new WeakSet<Waiter>();
  #checking: Promise<void> | undefined;
  #again = false;

  constructor(options: LostRequestsOptions) {
    this.#options = options;
    const { connection, reader, log } = options;
    this.#leases = new LeaseReader(connection);
    this.#counts = countsOf(connection);
    for (const each of [connection, reader]) each.onReady(() => this.check());
    this.#life = periodically(
      checkIntervalMs,
      async () => {
        // If the check in progress fails, the next periodic check makes up for it.
        await (this.#checking ?? this.#check(checkIntervalMs));
      },
      (error) => log.debug({ err: error }, 'waiting requests could not be checked'),
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** Checks all requests that wait now. Calls while a check is in progress lead to one more check. */
  check(): void {
    this.#again = true;
    this.#checking ??= this.#checkUntilDone()
      .catch((error: unknown) => this.#options.log.debug({ err: error }, 'Redis is away again'))
      .finally(() => {
        this.#checking = undefined;
      });
  }

  async #checkUntilDone(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.#check(0);
    }
  }

  /** @param minWaitMs requests that have waited for less are skipped. */
  async #check(minWaitMs: number): Promise<void> {
    const { waiters, inbox, takeBacks, watcher, dispatcher } = this.#options;
    await takeBacks.retry();
    const waiting = waiters.longerThan(minWaitMs).filter(isWaiting);
    if (waiting.length === 0) return;
    const stranded = await this.#takeStranded(
      waiting.filter(({ request }) => !watcher.isServed(request.replica)),
    );
    const missing = await this.#missing(waiting.filter(isWaiting));
    const suspected = new Set([...stranded, ...missing]);
    if (suspected.size === 0) return;
    await inbox.caughtUp();
    const lost = [...suspected].filter(isWaiting);
    this.#report(lost.filter((waiter) => !this.#reported.has(waiter)));
    this.#counts.add('redeliveries:lost', lost.filter(({ request }) => isRepeatable(request.job)).length);
    // A worker held those that are stranded, and died. Of the others Redis has lost the job or the reply.
    const held = new Set(stranded);
    for (const waiter of lost) dispatcher.handleLost(waiter, held.has(waiter));
  }

  /**
   * Takes jobs from queues that nobody serves: they never started, so they can be dispatched again.
   * @returns the waiters whose jobs could not be taken, because a worker held them that is dead by now.
   */
  async #takeStranded(waiting: readonly Waiter[]): Promise<readonly Waiter[]> {
    const { queues, dispatcher } = this.#options;
    const held = await Promise.all(
      waiting.map(async (waiter) => {
        const { id, replica } = waiter.request;
        const taken = await queues.takeBackToMove(replica, id);
        if (taken !== 'no' && isWaiting(waiter)) {
          this.#counts.add('redeliveries:lost');
          dispatcher.redispatch(waiter, taken === 'lost');
        }
        return taken !== 'no' || (await this.#leases.exists(replica)) ? [] : [waiter];
      }),
    );
    return held.flat();
  }

  /** @returns the waiters whose jobs Redis does not have. */
  async #missing(waiting: readonly Waiter[]): Promise<readonly Waiter[]> {
    const byReplica = Map.groupBy(waiting, ({ request }) => request.replica);
    const missing = await Promise.all(
      Array.from(byReplica, ([replica, some]) =>
        this.#options.queues.missing(
          replica,
          some.map(({ request }) => request.id),
        ),
      ),
    );
    const ids = new Set(missing.flat());
    return waiting.filter(({ request }) => ids.has(request.id));
  }

  #report(lost: readonly Waiter[]): void {
    if (lost.length === 0) return;
    const requests = lost.slice(0, maxNamed).map(({ request }) => request.id);
    this.#options.log.warn({ count: lost.length, requests }, 'requests that wait are lost');
    for (const waiter of lost) this.#reported.add(waiter);
  }
}

function isWaiting({ state }: Waiter): boolean {
  return state === 'waiting';
}
