import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from '#shared/logger.ts';

/** After Redis has not answered, in ms. */
const againMs = 250;

/** Reads with a command that blocks, on a connection of its own, one read at a time. */
export class BlockingRead<Found> {
  readonly #redis: Redis;
  readonly #read: (connection: Redis) => Promise<Found | undefined>;
  readonly #onRead: (found: Found | undefined) => void;
  readonly #log: Logger;
  #connection: Redis | undefined;
  #reading: Promise<void> | undefined;

  /**
   * @param redis is opened a second time.
   * @param read one read, which ends by itself after some seconds.
   * @param onRead called after each read; with undefined where it has found nothing, or Redis has not answered.
   */
  constructor(
    redis: Redis,
    read: (connection: Redis) => Promise<Found | undefined>,
    onRead: (found: Found | undefined) => void,
    log: Logger,
  ) {
    this.#redis = redis;
    this.#read = read;
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

  /** Begins a read, unless one is under way. */
  wait(): void {
    if (this.#connection === undefined) return;
    this.#reading ??= this.#readOnce(this.#connection);
  }

  /** @returns once a read that is under way has ended. */
  async ended(): Promise<void> {
    await this.#reading;
  }

  /** Never rejects. */
  async #readOnce(connection: Redis): Promise<void> {
    let found: Found | undefined;
    try {
      found = await this.#read(connection);
    } catch (error) {
      this.#log.debug({ err: error }, 'nothing was read');
      if (this.#connection !== undefined) await delay(againMs);
    }
    this.#reading = undefined;
    if (found !== undefined || this.#connection !== undefined) this.#onRead(found);
  }
}
