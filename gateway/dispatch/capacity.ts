import type { Redis } from 'ioredis';
import { expectedOfJobs } from '#shared/expected-keys.ts';
import { KeyRepair } from '#shared/key-repair.ts';
import type { Keys } from '#shared/keys.ts';
import type { StartStop } from '#shared/lifecycle.ts';
import type { Logger } from '#shared/logger.ts';
import { periodically } from '#shared/periodically.ts';
import { pendingOf } from '#shared/replica-queue.ts';
import type { Waiters } from './waiters.ts';

export interface CapacityOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly waiters: Waiters;
  /** Jobs that may wait in the queue of one replica. */
  readonly queueLimit: number;
  /** Bytes of bodies that this gateway may hold for requests under way. */
  readonly bytesLimit: number;
  readonly log: Logger;
}

interface Count {
  /** Jobs that waited when Redis was asked last. */
  waiting: number;
  /** Jobs that this gateway has added since. */
  added: number;
}

/** How often the queues that are in use are asked for their length, in ms. */
const askEveryMs = 250;

/**
 * Bounds what is accepted, so that a queue never grows without end. The length of a queue is known from a moment ago,
 * and what was added since is counted; several gateways may together exceed the bound by what they add in that moment.
 */
export class Capacity {
  readonly #options: CapacityOptions;
  readonly #counts = new Map<string, Count>();
  readonly #life: StartStop;

  constructor(options: CapacityOptions) {
    this.#options = options;
    const { redis, keys, log } = options;
    const repair = new KeyRepair(redis, keys, log);
    this.#life = periodically(
      askEveryMs,
      () => this.#ask(),
      (error) => {
        log.debug({ err: error }, 'no queue lengths');
        void repair.after(error, () =>
          [...this.#counts.keys()].flatMap((name) => expectedOfJobs(keys, name)),
        );
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
   * Takes one more request in, if there is room for it.
   * @param bytes of its body.
   * @returns why there is no room, or undefined where there was.
   */
  refusal(replica: string, bytes: number): string | undefined {
    const { waiters, queueLimit, bytesLimit } = this.#options;
    if (waiters.bytes + bytes > bytesLimit)
      return `the gateway holds ${waiters.bytes} bytes of requests already`;
    const count = this.#counts.get(replica) ?? { waiting: 0, added: 0 };
    // Of what was added here no more can wait than is waited for here.
    const waiting = count.waiting + Math.min(count.added, waiters.countOf(replica));
    if (waiting >= queueLimit) return `${waiting} requests wait for replica ${replica} already`;
    count.added += 1;
    this.#counts.set(replica, count);
    return undefined;
  }

  async #ask(): Promise<void> {
    const { redis, keys } = this.#options;
    await Promise.all(
      Array.from(this.#counts, async ([replica, count]) => {
        const before = count.added;
        const waiting = await pendingOf(redis, keys, replica);
        count.waiting = waiting;
        count.added -= before;
        if (waiting === 0 && count.added === 0) this.#counts.delete(replica);
      }),
    );
  }
}
