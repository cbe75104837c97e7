import type { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '#shared/logger.ts';

/** At most, in ms: what is not heard of is looked for then. */
const longestWaitMs = 5000;
/** After Redis has not answered, in ms. */
const againMs = 250;

/**
 * Blocks on a queue's marker, on a connection of its own: a sorted set that whoever adds a job puts a member into, with
 * the time for its score from when on the job may be taken.
 */
export class MarkerWatch {
  readonly #redis: Redis;
  readonly #key: string;
  readonly #onMark: (marked: boolean) => void;
  readonly #log: Logger;
  #connection: Redis | undefined;
  #waiting = false;
  /** When the next delayed job may be taken, in ms since the epoch; 0 where there is none. */
  due = 0;

  /**
   * @param redis is opened a second time.
   * @param onMark called when a job may be there; `marked` where the mark of one was taken away.
   */
  constructor(redis: Redis, key: string, onMark: (marked: boolean) => void, log: Logger) {
    this.#redis = redis;
    this.#key = key;
    this.#onMark = onMark;
    this.#log = log;
  }

  /** Opens the connection. */
  start(): void {
    this.#connection = this.#redis.duplicate();
    this.#connection.on('error', (error) => this.#log.debug({ err: error }, 'no connection to Redis'));
  }

  /** Closes it: nothing is heard of any more. */
  stop(): void {
    this.#connection?.disconnect();
    this.#connection = undefined;
  }

  /** Waits for the next mark, unless it does already. */
  wait(): void {
    if (this.#waiting || this.#connection === undefined) return;
    this.#waiting = true;
    void this.#wait(this.#connection).then((marked) => {
      this.#waiting = false;
      if (this.#connection !== undefined) this.#onMark(marked);
    });
  }

  /** Never rejects. */
  async #wait(connection: Redis): Promise<boolean> {
    try {
      for (;;) {
        const now = Date.now();
        if (this.due > 0 && this.due <= now) return false;
        const waitMs = this.due > 0 ? Math.min(this.due - now, longestWaitMs) : longestWaitMs;
        const popped = await connection.bzpopmin(this.#key, Math.max(0.001, waitMs / 1000));
        if (popped === null) return false;
        const at = Number(popped[2]);
        if (at <= Date.now()) return true;
        // A delayed job was added, or is the next one now.
        this.due = at;
      }
    } catch (error) {
      this.#log.debug({ err: error }, 'the marker was not read');
      if (this.#connection !== undefined) await delay(againMs);
      return false;
    }
  }
}
