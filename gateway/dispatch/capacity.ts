import { Problem } from '#shared/contract/errors.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import { QueueDepths } from '#shared/store/queue/queue-depths.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { Loads } from '../load/loads.ts';
import type { HeldBytes } from '../request/held-bytes.ts';
import { Place } from './queue-count.ts';
import type { QueueCounts } from './queue-counts.ts';
import type { Waiters } from './waiters.ts';

export interface CapacityOptions {
  /** The connection that the queues use. */
  readonly connection: Connection;
  readonly waiters: Waiters;
  readonly counts: QueueCounts;
  /** Refreshed with the lengths of the queues. */
  readonly loads: Pick<Loads, 'refresh'>;
  /** Jobs that may wait in the queue of one replica. */
  readonly queueLimit: number;
  /** Bytes of bodies that this gateway holds. */
  readonly held: HeldBytes;
  readonly log: Logger;
}

/** How often the queues are polled of which too little is known, in ms. */
const pollIntervalMs = 250;
/** If a queue is at least half full, a request polls it unless that was done within this time, in ms. */
const minPollIntervalMs = 25;

/**
 * Bounds what is accepted, so that no queue grows without end. The length of a queue is known from the last
 * poll, and this gateway counts what it has added since. A queue that is far from the bound is seldom polled:
 * the call that adds a job tells how many wait and run there. Several gateways may together exceed the bound
 * by what the others add between two polls.
 */
export class Capacity {
  readonly #options: CapacityOptions;
  readonly #depths: QueueDepths;
  /** When queues that are half full were polled for a request, on the `performance.now()` clock. */
  readonly #polledAt = new Map<string, number>();
  readonly #life: StartStop;

  constructor(options: CapacityOptions) {
    this.#options = options;
    const { connection, counts, log } = options;
    this.#depths = new QueueDepths(connection, log);
    this.#life = periodically(
      pollIntervalMs,
      () => this.#pollAll(),
      (error) => {
        log.debug({ err: error }, 'the lengths of queues could not be read');
        void this.#depths.repairAfter(error, counts.nonEmpty);
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
   * Checks whether there is room for one more request, without counting it.
   * @param bytes of its body.
   * @returns why there is no room, or undefined if there is.
   */
  refusal(replica: string, bytes: number): string | undefined {
    const { held, counts, queueLimit } = this.#options;
    if (!held.fits(bytes)) return `the gateway holds ${held.size} bytes of bodies already`;
    const { size } = counts.of(replica);
    if (size * 2 >= queueLimit) this.#pollSoon(replica);
    return size < queueLimit ? undefined : `${size} requests wait for replica ${replica} already`;
  }

  /**
   * Counts a request in its replica's queue while its job is added, and then until its place is free.
   * @param bytes of its body.
   * @param enqueue calls `arrive` if the job was added. If it does not, the place is free afterwards.
   * @throws {Problem} `over_capacity`, and what `enqueue` throws.
   */
  async hold<T>(replica: string, bytes: number, enqueue: (place: Place) => Promise<T>): Promise<T> {
    const full = this.refusal(replica, bytes);
    if (full !== undefined) throw new Problem('over_capacity', `Try again later: ${full}.`);
    return Place.hold(this.#options.counts.of(replica), enqueue);
  }

  async #pollAll(): Promise<void> {
    const { waiters, counts, loads, queueLimit } = this.#options;
    const due = counts.dueForPoll(queueLimit, performance.now());
    await Promise.all([loads.refresh(), ...due.map((replica) => this.#poll(replica))]);
    const now = performance.now();
    counts.deleteEmpty((replica) => waiters.countOf(replica) > 0, now);
    const longAgo = now - pollIntervalMs;
    for (const [replica, at] of this.#polledAt) if (at < longAgo) this.#polledAt.delete(replica);
  }

  #pollSoon(replica: string): void {
    const now = performance.now();
    if (now - (this.#polledAt.get(replica) ?? Number.NEGATIVE_INFINITY) < minPollIntervalMs) return;
    this.#polledAt.set(replica, now);
    this.#poll(replica).catch((error: unknown) =>
      this.#options.log.debug({ err: error, replica }, 'the length of a queue could not be read'),
    );
  }

  async #poll(replica: string): Promise<void> {
    this.#options.counts.of(replica).update(await this.#depths.read(replica));
  }
}
