import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { inOneWrite } from './open-redis.ts';

export interface BlockingReadsOptions<Found> {
  /** A patient connection that nothing else uses. */
  readonly connection: Redis;
  /** One read, which ends by itself after some seconds. */
  readonly read: (connection: Redis) => Promise<Found>;
  /** Called after each read, in the order in which they were begun; with undefined where Redis has not answered. */
  readonly onRead: (found: Found | undefined) => void;
  readonly onError: (error: unknown) => void;
  /** Reads under way at once; 1 where it is not said. */
  readonly ahead?: number;
}

/** So many that Redis is not out of them before others are begun. */
export const manyAhead = 16;
/** After Redis has not answered, in ms. */
const againMs = 250;

/**
 * Reads with a command that blocks. With several reads under way Redis goes from one to the next by itself: what comes is
 * sent at once, and nobody has to ask for it.
 */
export class BlockingReads<Found> {
  readonly #options: BlockingReadsOptions<Found>;
  readonly #ahead: number;
  #underWay = 0;
  #stopped = false;

  constructor(options: BlockingReadsOptions<Found>) {
    this.#options = options;
    this.#ahead = options.ahead ?? 1;
  }

  /** How many have not ended. */
  get underWay(): number {
    return this.#underWay;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Begins what is missing, in one write, once half of the reads have ended. */
  fill(): void {
    if (this.#stopped || this.#underWay > this.#ahead / 2) return;
    inOneWrite(this.#options.connection, () => {
      while (this.#underWay < this.#ahead) void this.#readOnce();
    });
  }

  /** Begins none any more, and does not wait after a failure. */
  stop(): void {
    this.#stopped = true;
  }

  /** Never rejects. */
  async #readOnce(): Promise<void> {
    const { connection, read, onRead, onError } = this.#options;
    this.#underWay += 1;
    let found: Found | undefined;
    try {
      found = await read(connection);
    } catch (error) {
      onError(error);
      if (!this.#stopped) await delay(againMs);
    }
    this.#underWay -= 1;
    onRead(found);
  }
}
