import type { Redis } from 'ioredis';
import type { Logger } from '#shared/logger.ts';
import { BlockingRead } from './blocking-read.ts';

/** At most, in ms: what is not heard of is looked for then. */
const longestWaitMs = 5000;

/**
 * Blocks on a queue's marker: a sorted set that whoever adds a job puts a member into, with the time for its score from
 * when on the job may be taken.
 */
export class MarkerWatch {
  readonly #key: string;
  readonly #hasRoom: () => boolean;
  readonly #read: BlockingRead<void>;
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
    this.#read = new BlockingRead(redis, (connection) => this.#pop(connection), onMark, log);
  }

  /** Opens the connection. */
  start(): void {
    this.#read.start();
  }

  /** Closes it: nothing is heard of any more. */
  stop(): void {
    this.#read.stop();
  }

  /** Waits for the next mark, unless it does already. */
  wait(): void {
    this.#read.wait();
  }

  async #pop(connection: Redis): Promise<void> {
    for (;;) {
      const now = Date.now();
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
      if (Number(at) <= Date.now()) return;
      // A delayed job was added, or is the next one now.
      this.due = Number(at);
    }
  }
}
