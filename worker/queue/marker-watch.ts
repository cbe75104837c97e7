import type { Redis } from 'ioredis';
import { BlockingReads } from '#shared/store/redis/blocking-reads.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';

/** At most, in ms: what is not heard of is looked for then. */
const longestWaitMs = 5000;

/**
 * Blocks on a queue's marker: a sorted set that whoever adds a job puts a member into, with the time for its score from
 * when on the job may be taken.
 */
export class MarkerWatch {
  readonly #key: string;
  readonly #hasRoom: () => boolean;
  readonly #clock: RedisClock;
  readonly #connection: Redis;
  readonly #reads: BlockingReads<void>;
  /** When the next delayed job may be taken, in ms since the epoch; 0 where there is none. */
  due = 0;

  /**
   * @param redis is opened a second time.
   * @param hasRoom whether a job could be taken: else the mark stays, for whoever has room next.
   * @param onMark called when a job may be there.
   */
  constructor(redis: Redis, key: string, hasRoom: () => boolean, onMark: () => void, log: Logger) {
    this.#key = key;
    this.#hasRoom = hasRoom;
    this.#clock = clockOf(redis);
    this.#connection = redis.duplicate({ lazyConnect: true });
    this.#connection.on('error', (error) => log.debug({ err: error }, 'no connection to Redis'));
    this.#reads = new BlockingReads({
      connection: this.#connection,
      read: (connection) => this.#pop(connection),
      onRead: () => {
        if (!this.#reads.stopped) onMark();
      },
      onError: (error) => log.debug({ err: error }, 'the marker was not read'),
    });
  }

  /** Waits for the next mark, unless it does already. */
  wait(): void {
    this.#reads.fill();
  }

  /** Nothing is heard of any more. */
  stop(): void {
    this.#reads.stop();
    this.#connection.disconnect();
  }

  async #pop(connection: Redis): Promise<void> {
    for (;;) {
      const now = this.#clock.now();
      if (this.due > 0 && this.due <= now) return;
      const waitMs = this.due > 0 ? Math.min(this.due - now, longestWaitMs) : longestWaitMs;
      const popped = await connection.bzpopmin(this.#key, Math.max(0.001, waitMs / 1000));
      if (popped === null) return;
      const [, mark, at] = popped;
      if (!this.#hasRoom()) {
        // The hands were filled while it watched.
        await connection.zadd(this.#key, at, mark);
        return;
      }
      if (Number(at) <= this.#clock.now()) return;
      // A delayed job was added, or is the next one now.
      this.due = Number(at);
    }
  }
}
