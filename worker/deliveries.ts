import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from '#shared/logger.ts';
import { parseDelivery } from './tick.ts';
import type { Taken } from './tick.ts';

/** A read that brought nothing is made again after this time, in seconds. */
const blockSeconds = 5;
/** Jobs read in one call. */
const mostRead = 256;
/** After Redis has not answered, in ms. */
const againMs = 250;

/** Reads the jobs that are put into a consumer's hands, on a connection of its own: it blocks. */
export class Deliveries {
  readonly #connection: Redis;
  readonly #onTaken: (taken: Taken) => void;
  readonly #log: Logger;
  readonly #over = Promise.withResolvers<void>();
  #running = false;
  #ending = false;

  /** @param redis is opened a second time. */
  constructor(redis: Redis, onTaken: (taken: Taken) => void, log: Logger) {
    this.#onTaken = onTaken;
    this.#log = log;
    this.#connection = redis.duplicate({ lazyConnect: true });
    this.#connection.on('error', (error) => log.debug({ err: error }, 'no connection to Redis'));
  }

  /** Begins to read the list of that key. */
  start(key: string): void {
    this.#running = true;
    void this.#read(key);
  }

  /** @returns once all is read that there was, after a mark was put behind it. */
  end(): Promise<void> {
    this.#ending = true;
    return this.#running ? this.#over.promise : Promise.resolve();
  }

  /** Reads nothing any more. */
  stop(): void {
    this.#running = false;
    this.#connection.disconnect();
  }

  async #read(key: string): Promise<void> {
    while (this.#running) {
      // Where the mark was lost with a connection, a read that brings nothing is as good.
      const marked = this.#ending;
      try {
        const popped = await this.#connection.blmpop(blockSeconds, 1, key, 'LEFT', 'COUNT', mostRead);
        if (popped === null && marked) this.stop();
        for (const delivery of popped?.[1] ?? []) this.#take(delivery);
      } catch (error) {
        if (!this.#running) break;
        this.#log.debug({ err: error }, 'deliveries were not read');
        await delay(againMs);
      }
    }
    this.#over.resolve();
  }

  #take(delivery: string): void {
    const taken = parseDelivery(delivery);
    if (taken === undefined) this.stop();
    else this.#onTaken(taken);
  }
}
