import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from '#shared/logger.ts';
import { parseDelivery } from './tick.ts';
import type { Taken } from './tick.ts';

/** A read that brought nothing ends after this time, in seconds. */
const blockSeconds = 5;
/** Jobs read in one call. */
const mostRead = 256;
/** After Redis has not answered, in ms. */
const againMs = 250;

/** Reads the jobs that are put into a consumer's hands, on a connection of its own: it blocks. */
export class Deliveries {
  readonly #redis: Redis;
  readonly #key: () => string;
  readonly #onRead: (taken: readonly Taken[]) => void;
  readonly #log: Logger;
  #connection: Redis | undefined;
  #reading: Promise<void> | undefined;

  /**
   * @param redis is opened a second time.
   * @param key of the list.
   * @param onRead called after each read, also of nothing.
   */
  constructor(redis: Redis, key: () => string, onRead: (taken: readonly Taken[]) => void, log: Logger) {
    this.#redis = redis;
    this.#key = key;
    this.#onRead = onRead;
    this.#log = log;
  }

  /** Opens the connection. */
  start(): void {
    this.#connection = this.#redis.duplicate();
    this.#connection.on('error', (error) => this.#log.debug({ err: error }, 'no connection to Redis'));
  }

  /** Closes it: nothing is read any more. */
  stop(): void {
    this.#connection?.disconnect();
    this.#connection = undefined;
  }

  /** Waits for the next ones, unless it does already. */
  wait(): void {
    if (this.#connection === undefined) return;
    this.#reading ??= this.#read(this.#connection);
  }

  /** @returns once a read that is under way has ended. */
  async ended(): Promise<void> {
    await this.#reading;
  }

  /** Never rejects. */
  async #read(connection: Redis): Promise<void> {
    let taken: Taken[] = [];
    try {
      const popped = await connection.blmpop(blockSeconds, 1, this.#key(), 'LEFT', 'COUNT', mostRead);
      taken = (popped?.[1] ?? []).flatMap((delivery) => parseDelivery(delivery) ?? []);
    } catch (error) {
      this.#log.debug({ err: error }, 'deliveries were not read');
      if (this.#connection !== undefined) await delay(againMs);
    }
    this.#reading = undefined;
    this.#onRead(taken);
  }
}
