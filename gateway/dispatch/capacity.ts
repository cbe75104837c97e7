import type { Redis } from 'ioredis';
import { Problem } from '#shared/contract/errors.ts';
import { expectedOfJobs } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import { pendingOf } from '#shared/store/replica-queue.ts';
import type { HeldBytes } from '../request/held-bytes.ts';
import { Place } from './queue-count.ts';
import type { QueueCounts } from './queue-counts.ts';
import type { Waiters } from './waiters.ts';

export interface CapacityOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly waiters: Waiters;
  readonly counts: QueueCounts;
  /** Jobs that may wait in the queue of one replica. */
  readonly queueLimit: number;
  /** Bytes of bodies that this gateway holds. */
  readonly held: HeldBytes;
  readonly log: Logger;
}

/** How often the queues that are in use are asked for their length, in ms. */
const askEveryMs = 250;
/**
 * A queue that is at least half full is asked when a request comes, after this time in ms at the earliest.
 */
const askAgainMs = 25;

/**
 * Bounds what is accepted, so that a queue never grows without end. The length of a queue is known from a
 * moment ago, and this gateway counts what it has added since, whether anybody waits for it or not. Several
 * gateways may together exceed the bound by what the others add in that moment.
 */
export class Capacity {
  readonly #options: CapacityOptions;
  /** When the queues that are half full were asked, by `performance.now()`. */
  readonly #asked = new Map<string, number>();
  readonly #life: StartStop;

  constructor(options: CapacityOptions) {
    this.#options = options;
    const { redis, keys, log } = options;
    const repair = new KeyRepair(redis, keys, log);
    this.#life = periodically(
      askEveryMs,
      () => this.#askAll(),
      (error) => {
        log.debug({ err: error }, 'no queue lengths');
        void repair.after(error, () => options.counts.open.flatMap((name) => expectedOfJobs(keys, name)));
      },
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  /**
   * Says whether there is room for one more request. It is not counted by that.
   * @param bytes of its body.
   * @returns why there is no room, or undefined if there is.
   */
  refusal(replica: string, bytes: number): string | undefined {
    const { held, counts, queueLimit } = this.#options;
    if (!held.fits(bytes)) return `the gateway holds ${held.size} bytes of bodies already`;
    const { size } = counts.of(replica);
    if (size * 2 >= queueLimit) this.#askSoon(replica);
    return size < queueLimit ? undefined : `${size} requests wait for replica ${replica} already`;
  }

  /**
   * Counts a request towards its replica's queue while it is handed over, and afterwards until its place is
   * free.
   * @param bytes of its body.
   * @param handOver has the place arrive if the job was added; else the place is free afterwards.
   * @throws {Problem} `over_capacity`, and what `handOver` throws.
   */
  async hold<T>(replica: string, bytes: number, handOver: (place: Place) => Promise<T>): Promise<T> {
    const full = this.refusal(replica, bytes);
    if (full !== undefined) throw new Problem('over_capacity', `Try again later: ${full}.`);
    return Place.hold(this.#options.counts.of(replica), handOver);
  }

  async #askAll(): Promise<void> {
    const { waiters, counts } = this.#options;
    await Promise.all(counts.open.map((replica) => this.#ask(replica)));
    counts.forget((replica) => waiters.countOf(replica) > 0);
    const longAgo = performance.now() - askEveryMs;
    for (const [replica, at] of this.#asked) if (at < longAgo) this.#asked.delete(replica);
  }

  #askSoon(replica: string): void {
    const now = performance.now();
    if (now - (this.#asked.get(replica) ?? Number.NEGATIVE_INFINITY) < askAgainMs) return;
    this.#asked.set(replica, now);
    this.#ask(replica).catch((error: unknown) =>
      this.#options.log.debug({ err: error, replica }, 'no queue length'),
    );
  }

  async #ask(replica: string): Promise<void> {
    const { redis, keys, counts } = this.#options;
    const pending = await pendingOf(redis, keys, replica);
    counts.of(replica).seen(pending);
  }
}
