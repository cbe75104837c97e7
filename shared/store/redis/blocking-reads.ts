import { setTimeout as delay } from 'node:timers/promises';
import { redisOf } from './access.ts';
import type { Redis } from './access.ts';
import { Connection } from './connection.ts';
import { inOneWrite } from './open-redis.ts';

export interface BlockingReadsOptions<Found> {
  /** A patient connection that nothing else uses. */
  readonly connection: Connection | Redis;
  /** Reads once. The command ends after some seconds, even if nothing arrives. */
  readonly read: (connection: Redis) => Promise<Found>;
  /** Called after each read, in the order of their starts; with undefined if Redis did not answer. */
  readonly onRead: (found: Found | undefined) => void;
  readonly onError: (error: unknown) => void;
  /** How many reads are in progress at once; 1 by default. */
  readonly readsAhead?: number;
}

/** Enough reads ahead that Redis always has one to answer while others are started. */
export const readsAhead = 16;
/** Pause after a read that failed, in ms. */
const retryDelayMs = 250;

/**
 * Reads with a blocking command. With several reads in progress Redis answers one after the other: what
 * arrives is sent at once, and no round trip lies between two reads.
 */
export class BlockingReads<Found> {
  readonly #options: BlockingReadsOptions<Found>;
  readonly #redis: Redis;
  readonly #readsAhead: number;
  #underWay = 0;
  #stopped = false;

  constructor(options: BlockingReadsOptions<Found>) {
    const { connection } = options;
    this.#options = options;
    this.#redis = connection instanceof Connection ? redisOf(connection) : connection;
    this.#readsAhead = options.readsAhead ?? 1;
  }

  /** How many reads have not ended. */
  get underWay(): number {
    return this.#underWay;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Starts the missing reads, in one write, once half of them have ended. */
  fill(): void {
    if (this.#stopped || this.#underWay > this.#readsAhead / 2) return;
    inOneWrite(this.#redis, () => {
      while (this.#underWay < this.#readsAhead) void this.#readOnce();
    });
  }

  /** Starts no more reads, and does not pause after a failure. */
  stop(): void {
    this.#stopped = true;
  }

  /** Never rejects. */
  async #readOnce(): Promise<void> {
    const { read, onRead, onError } = this.#options;
    this.#underWay += 1;
    let found: Found | undefined;
    try {
      found = await read(this.#redis);
    } catch (error) {
      onError(error);
      if (!this.#stopped) await delay(retryDelayMs);
    }
    this.#underWay -= 1;
    onRead(found);
  }
}
