import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import type { JobQueues } from './job-queues.ts';
import type { ReplyInbox } from './reply-inbox.ts';
import type { TakeBacks } from './take-backs.ts';
import type { Waiter, Waiters } from './waiters.ts';

export interface LostRequestsOptions {
  readonly waiters: Waiters;
  readonly queues: JobQueues;
  readonly inbox: Pick<ReplyInbox, 'caughtUp'>;
  readonly takeBacks: TakeBacks;
  /** Whether the replica is desired or finishes what it holds; nobody takes the jobs of any other. */
  readonly isServed: (replica: string) => boolean;
  /** Whether a worker of the replica beats, so that it may still answer for the jobs that it holds. */
  readonly isAlive: (replica: string) => Promise<boolean>;
  /** Told of a request that Redis does not know any more and whose reply does not come. */
  readonly onLost: (waiter: Waiter) => void;
  /** Told of a request whose job has just been taken from a queue that nobody serves; it was never started. */
  readonly onStranded: (waiter: Waiter) => void;
  readonly log: Logger;
}

/** How often those who wait are looked after, in ms; and how long they have waited then. */
const lookEveryMs = 2000;
/** Requests that are named in one line of the log. */
const mostNamed = 20;

/**
 * Looks after the requests that wait: now and then, and at once when there is reason to. Redis may have lost a job
 * (its newest second, or everything), a reply may have been on a connection that broke, a job may have come late into
 * the queue of a replica that is gone.
 *
 * A job leaves Redis only when its reply is in the inbox. So a request is lost when its job is gone, or in the hands
 * of a dead worker that nobody replaces, and its reply was not among all that was in the inboxes after that.
 */
export class LostRequests {
  readonly #options: LostRequestsOptions;
  readonly #life: StartStop;
  readonly #reported = new WeakSet<Waiter>();
  #looking: Promise<void> | undefined;
  #again = false;

  constructor(options: LostRequestsOptions) {
    this.#options = options;
    this.#life = periodically(
      lookEveryMs,
      async () => {
        // One that was interrupted by the next loss of Redis is made up for here.
        await (this.#looking ?? this.#look(lookEveryMs));
      },
      (error) => options.log.debug({ err: error }, 'nobody could look after the requests that wait'),
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** Looks after all that wait now; calls while that is under way lead to one more time. */
  look(): void {
    this.#again = true;
    this.#looking ??= this.#lookUntilDone()
      .catch((error: unknown) => this.#options.log.debug({ err: error }, 'Redis is away again'))
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #lookUntilDone(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.#look(0);
    }
  }

  /** @param waitedMs those who have waited for less are passed over. */
  async #look(waitedMs: number): Promise<void> {
    const { waiters, inbox, takeBacks, isServed, onLost } = this.#options;
    await takeBacks.again();
    const waiting = waiters.longerThan(waitedMs).filter(({ phase }) => phase === 'waiting');
    if (waiting.length === 0) return;
    const held = await this.#takeStranded(waiting.filter(({ replica }) => !isServed(replica)));
    const unknown = await this.#unknown(waiting.filter((waiter) => this.#stillWaits(waiter)));
    const silent = new Set([...held, ...unknown]);
    if (silent.size === 0) return;
    await inbox.caughtUp();
    const lost = [...silent].filter((waiter) => this.#stillWaits(waiter));
    this.#report(lost.filter((waiter) => !this.#reported.has(waiter)));
    for (const waiter of lost) onLost(waiter);
  }

  /** @returns those whose jobs could not be taken because a worker held them that is dead by now. */
  async #takeStranded(waiting: readonly Waiter[]): Promise<readonly Waiter[]> {
    const { queues, isAlive, onStranded } = this.#options;
    const held = await Promise.all(
      waiting.map(async (waiter) => {
        const taken = await queues.takeBack(waiter.replica, waiter.id);
        if (taken && this.#stillWaits(waiter)) onStranded(waiter);
        return taken || (await isAlive(waiter.replica)) ? [] : [waiter];
      }),
    );
    return held.flat();
  }

  #report(lost: readonly Waiter[]): void {
    if (lost.length === 0) return;
    const requests = lost.slice(0, mostNamed).map(({ id }) => id);
    this.#options.log.warn({ count: lost.length, requests }, 'requests that wait are lost');
    for (const waiter of lost) this.#reported.add(waiter);
  }

  async #unknown(waiting: readonly Waiter[]): Promise<readonly Waiter[]> {
    const byReplica = Map.groupBy(waiting, ({ replica }) => replica);
    const missing = await Promise.all(
      Array.from(byReplica, ([replica, some]) =>
        this.#options.queues.missing(
          replica,
          some.map(({ id }) => id),
        ),
      ),
    );
    const ids = new Set(missing.flat());
    return waiting.filter(({ id }) => ids.has(id));
  }

  #stillWaits(waiter: Waiter): boolean {
    return this.#options.waiters.holds(waiter) && waiter.phase === 'waiting';
  }
}
