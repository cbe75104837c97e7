import type { Redis } from 'ioredis';
import { BlockingReads, manyAhead } from '#shared/store/redis/blocking-reads.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { parseDelivery } from './tick.ts';
import type { Taken } from './tick.ts';

export interface DeliveriesOptions {
  /** Is opened a second time. */
  readonly redis: Redis;
  readonly keys: Keys;
  /** Of the list. */
  readonly key: () => string;
  /** Called for each job that was put into the consumer's hands. */
  readonly onJob: (job: Taken) => void;
  readonly log: Logger;
}

/** A read that brought nothing ends after this time, in seconds. */
const blockSeconds = 5;
/** Jobs read in one call. */
const mostRead = 256;

/** Reads the jobs that are put right into a consumer's hands. */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #connection: Redis;
  readonly #reads: BlockingReads<readonly string[]>;
  readonly #last = Promise.withResolvers<void>();
  #leaving = false;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    const { redis, keys, key, log } = options;
    const repair = new KeyRepair(redis, keys, log, 'worker');
    this.#connection = redis.duplicate({ lazyConnect: true });
    this.#connection.on('error', (error) => log.debug({ err: error }, 'no connection to Redis'));
    this.#reads = new BlockingReads({
      connection: this.#connection,
      read: (connection) => this.#read(connection),
      onRead: (deliveries = []) => this.#onRead(deliveries),
      onError: (error) => {
        log.debug({ err: error }, 'deliveries were not read');
        void repair.after(error, () => [{ key: key(), type: 'list' }]);
      },
      ahead: manyAhead,
    });
  }

  start(): void {
    this.#reads.fill();
  }

  /** Nothing is read any more. */
  stop(): void {
    this.#reads.stop();
    this.#connection.disconnect();
  }

  /**
   * Nothing is put into the consumer's hands any more, and there is a mark behind all that was.
   * @returns once all of it is read.
   */
  last(): Promise<void> {
    this.#leaving = true;
    return this.#last.promise;
  }

  /** Takes what was read here, or by a tick. */
  accept(deliveries: readonly string[]): void {
    for (const delivery of deliveries) {
      const job = parseDelivery(delivery);
      if (job === undefined) this.#last.resolve();
      else this.#options.onJob(job);
    }
  }

  async #read(connection: Redis): Promise<readonly string[]> {
    const popped = await connection.blmpop(blockSeconds, 1, this.#options.key(), 'LEFT', 'COUNT', mostRead);
    return popped?.[1] ?? [];
  }

  #onRead(deliveries: readonly string[]): void {
    this.accept(deliveries);
    // The mark may be lost.
    if (this.#leaving && deliveries.length === 0) this.#last.resolve();
    this.#reads.fill();
  }
}
