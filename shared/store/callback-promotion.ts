import { Queue } from 'bullmq';
import type { Logger } from '../process/logger.ts';
import { promoteCallback } from './callbacks.ts';
import type { CallbackData } from './callbacks.ts';
import { keysOf, redisOf } from './redis/access.ts';
import { inRedisTime } from './redis/bullmq-time.ts';
import type { Connection } from './redis/connection.ts';
import { clockOf } from './redis/redis-clock.ts';

/**
 * Lets a worker make the callbacks of ended requests due. The queue is opened on first use: most workers need
 * none.
 */
export class CallbackPromotion {
  readonly #connection: Connection;
  readonly #log: Logger;
  #opened: Queue<CallbackData> | undefined;

  /** @param connection is shared, so there is nothing to close. */
  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#log = log;
  }

  /**
   * Makes the callback of a request due, unless it was sent before.
   * @throws {SyntaxError} if it cannot be read.
   */
  promote(id: string): Promise<void> {
    return promoteCallback(this.#queue, id);
  }

  get #queue(): Queue<CallbackData> {
    if (this.#opened !== undefined) return this.#opened;
    const keys = keysOf(this.#connection);
    const queue = new Queue<CallbackData>(keys.callbacks, {
      connection: redisOf(this.#connection),
      prefix: keys.prefix,
      skipMetasUpdate: true,
      skipVersionCheck: true,
    });
    this.#opened = inRedisTime(queue, clockOf(this.#connection));
    queue.on('error', (error) => this.#log.debug({ err: error }, 'the queue of callbacks reports an error'));
    return queue;
  }
}
