import { Queue } from 'bullmq';
import type { Logger } from '../../process/logger.ts';
import { promoteCallback } from './callback-promotion.ts';
import type { CallbackData } from '../../contract/callback.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import { expectedOfQueue } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';

/** Nobody reads BullMQ's event stream, which would keep 10,000 entries without a bound. */
const eventsKept = 100;

/**
 * The queue of callbacks, as the gateway that accepts a request uses it. The job of a callback has its
 * request's id.
 */
export class CallbackQueue {
  readonly #connection: Connection;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;
  readonly #repair: KeyRepair;
  #opened: Queue<CallbackData> | undefined;

  /** @param connection a fail-fast connection that others may share. */
  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#log = log;
    this.#repair = new KeyRepair(connection, log);
  }

  /**
   * Adds a callback. It is due at `due`, unless its request ends and it is promoted before.
   * @param name the name of its job. Parking finds the callbacks of a receiver by it.
   * @param due in ms since the epoch.
   * @returns once it is durable.
   */
  async add(id: string, name: string, data: CallbackData, due: number): Promise<void> {
    const timestamp = clockOf(this.#connection).now();
    const delay = Math.max(0, due - timestamp);
    const options = { jobId: id, timestamp, delay, removeOnComplete: true, removeOnFail: true };
    await this.#repaired(() => this.#queue.add(name, data, options));
  }

  /** Removes the callback of a request that was not accepted. */
  async remove(id: string): Promise<void> {
    await this.#repaired(() => this.#queue.remove(id));
  }

  /** Makes the callback of a request due now, unless it was sent already. */
  async promote(id: string): Promise<void> {
    await this.#repaired(() => promoteCallback(this.#queue, id));
  }

  /** Closes the queue. The connection stays open. */
  async close(): Promise<void> {
    await this.#opened?.close();
  }

  #repaired<T>(act: () => Promise<T>): Promise<T> {
    return this.#repair.withRepair(act, () => expectedOfQueue(this.#keys, this.#keys.callbacks));
  }

  /** Opened on first use: the queue writes its settings to Redis, which has to be there. */
  get #queue(): Queue<CallbackData> {
    if (this.#opened === undefined) {
      this.#opened = new Queue<CallbackData>(this.#keys.callbacks, {
        connection: this.#redis,
        prefix: this.#keys.prefix,
        skipVersionCheck: true,
        skipWaitingForReady: true,
        streams: { events: { maxLen: eventsKept } },
      });
      this.#opened.on('error', (error) =>
        this.#log.debug({ err: error }, 'the queue of callbacks reports an error'),
      );
    }
    return this.#opened;
  }
}
