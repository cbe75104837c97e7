import type { Queue } from 'bullmq';
import type { Logger } from '../../process/logger.ts';
import type { CallbackData } from '../../contract/callback.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import { inRedisTime } from '../redis/bullmq-time.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';

/**
 * Lets a worker make the callbacks of ended requests due. The queue is opened on first use: most workers need
 * none.
 */
export class CallbackPromotion {
  readonly #connection: Connection;
  readonly #log: Logger;
  #opened: Promise<Queue<CallbackData>> | undefined;

  /** @param connection is shared, so there is nothing to close. */
  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#log = log;
  }

  /**
   * Makes the callback of a request due, unless it was sent before.
   * @throws {SyntaxError} if it cannot be read.
   */
  async promote(id: string): Promise<void> {
    this.#opened ??= this.#open();
    await promoteCallback(await this.#opened, id);
  }

  async #open(): Promise<Queue<CallbackData>> {
    // BullMQ is large, and most workers never end a request with a callback.
    const { Queue } = await import('bullmq');
    const keys = keysOf(this.#connection);
    const queue = new Queue<CallbackData>(keys.callbacks, {
      connection: redisOf(this.#connection),
      prefix: keys.prefix,
      skipMetasUpdate: true,
      skipVersionCheck: true,
    });
    queue.on('error', (error) => this.#log.debug({ err: error }, 'the queue of callbacks reports an error'));
    return inRedisTime(queue, clockOf(this.#connection));
  }
}

/** What {@link promoteCallback} needs of BullMQ's queue of callbacks. */
interface CallbackJobs {
  getJob(
    id: string,
  ): Promise<
    { readonly data: CallbackData; isDelayed(): Promise<boolean>; promote(): Promise<void> } | undefined
  >;
}

/**
 * Makes the callback of a request due now, since the request has ended. Does nothing if it was sent or is
 * being sent.
 */
export async function promoteCallback(queue: CallbackJobs, id: string): Promise<void> {
  const job = await queue.getJob(id);
  try {
    // A callback that is sent again has a due time of its own.
    if (job !== undefined && job.data.attempts === 0 && (await job.isDelayed())) await job.promote();
  } catch (error) {
    if (await job?.isDelayed()) throw error;
  }
}
