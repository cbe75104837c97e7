import type { Redis } from '../redis/access.ts';
import type { Logger } from '../../process/logger.ts';
import type { Fenced } from '../../contract/fenced.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import { BlockingReads, readsAhead } from '../redis/blocking-reads.ts';
import type { Connection } from '../redis/connection.ts';
import { duplicateRedis } from '../redis/open-redis.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { parseDelivery } from '../../contract/delivery.ts';
import type { Delivery } from '../../contract/delivery.ts';

export interface DeliveryReaderOptions {
  /** A second connection like this one is opened. */
  readonly connection: Connection;
  /** The lease under which the worker serves the queue. */
  readonly lease: Fenced;
  /** Called after each read, with an empty list if it brought nothing. */
  readonly onRead: (deliveries: readonly Delivery[]) => void;
  readonly log: Logger;
}

/** A read that brings nothing ends after this time, in seconds. */
const blockSeconds = 5;
/** How many jobs one call reads at most. */
const maxRead = 256;

/** Reads the jobs that are delivered directly to a consumer, as soon as they are there. */
export class DeliveryReader {
  readonly #connection: Redis;
  readonly #reads: BlockingReads<readonly string[]>;

  constructor({ connection, lease, onRead, log }: DeliveryReaderOptions) {
    const keys = keysOf(connection);
    // The fence is known only once the lease is taken.
    const key = (): string => keys.deliveries(lease.replica, lease.fence);
    const repair = new KeyRepair(connection, log, 'worker');
    this.#connection = duplicateRedis(redisOf(connection));
    this.#connection.on('error', (error) => log.debug({ err: error }, 'no connection to Redis'));
    this.#reads = new BlockingReads({
      connection: this.#connection,
      read: (reader) => read(reader, key()),
      onRead: (texts = []) => {
        onRead(texts.map(parseDelivery));
        this.#reads.fill();
      },
      onError: (error) => {
        log.debug({ err: error }, 'deliveries were not read');
        void repair.after(error, () => [{ key: key(), type: 'list' }]);
      },
      readsAhead,
    });
  }

  start(): void {
    this.#reads.fill();
  }

  /** Stops reading. */
  stop(): void {
    this.#reads.stop();
    this.#connection.disconnect();
  }
}

async function read(redis: Redis, key: string): Promise<readonly string[]> {
  const popped = await redis.blmpop(blockSeconds, 1, key, 'LEFT', 'COUNT', maxRead);
  return popped?.[1] ?? [];
}
