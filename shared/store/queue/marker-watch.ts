import type { Redis } from '../redis/access.ts';
import type { Logger } from '../../process/logger.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import { BlockingReads } from '../redis/blocking-reads.ts';
import type { Connection } from '../redis/connection.ts';
import { duplicateRedis } from '../redis/open-redis.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';

/** The longest wait for a marker, in ms, in case one is lost. */
const maxWaitMs = 5000;
/** How soon a job that is due is looked for again, in ms, if Redis has not given it out. */
const postponedMs = 100;

export interface MarkerWatchOptions {
  /** A second connection like this one is opened. */
  readonly connection: Connection;
  readonly replica: string;
  /**
   * Whether a job could be taken. If not, the marker is put back for the next worker that has a free slot.
   */
  readonly hasFreeSlot: () => boolean;
  /** Called when a job may be there. */
  readonly onMarker: () => void;
  readonly log: Logger;
}

/**
 * Blocks on the marker of a replica's queue: a sorted set into which the caller that adds a job puts a
 * member. The member's score is the time from which the job may be taken.
 */
export class MarkerWatch {
  readonly #key: string;
  readonly #hasFreeSlot: () => boolean;
  readonly #clock: RedisClock;
  readonly #connection: Redis;
  readonly #reads: BlockingReads<void>;
  /** When the next delayed job may be taken, in ms since the epoch; 0 if there is none. */
  due = 0;

  constructor({ connection, replica, hasFreeSlot, onMarker, log }: MarkerWatchOptions) {
    this.#key = keysOf(connection).marker(replica);
    this.#hasFreeSlot = hasFreeSlot;
    this.#clock = clockOf(connection);
    this.#connection = duplicateRedis(redisOf(connection));
    this.#connection.on('error', (error) => log.debug({ err: error }, 'no connection to Redis'));
    this.#reads = new BlockingReads({
      connection: this.#connection,
      read: (reader) => this.#pop(reader),
      onRead: () => {
        if (!this.#reads.stopped) onMarker();
      },
      onError: (error) => log.debug({ err: error }, 'the marker was not read'),
    });
  }

  /** Waits for the next marker, unless it is waiting already. */
  wait(): void {
    this.#reads.fill();
  }

  /**
   * Redis had no free slot for a job that may be due, although the caller has one: a job is active that no
   * worker runs, until a sweep finds it.
   */
  postpone(): void {
    if (this.due > 0) this.due = Math.max(this.due, this.#clock.now() + postponedMs);
  }

  /** Stops reporting. */
  stop(): void {
    this.#reads.stop();
    this.#connection.disconnect();
  }

  async #pop(reader: Redis): Promise<void> {
    for (;;) {
      const now = this.#clock.now();
      if (this.due > 0 && this.due <= now) return;
      const waitMs = this.due > 0 ? Math.min(this.due - now, maxWaitMs) : maxWaitMs;
      const popped = await reader.bzpopmin(this.#key, Math.max(0.001, waitMs / 1000));
      if (popped === null) return;
      const [, marker, at] = popped;
      if (!this.#hasFreeSlot()) {
        // All slots were taken during the wait.
        await reader.zadd(this.#key, at, marker);
        return;
      }
      if (Number(at) <= this.#clock.now()) return;
      // A delayed job was added, or is the next one now.
      this.due = Number(at);
    }
  }
}
