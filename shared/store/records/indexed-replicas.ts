import type { Logger } from '../../process/logger.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import { nullIfWrongType } from '../repair/key-repair.ts';

/** A name is kept this much longer than the indexes of its replica, in ms, so that it is rarely written. */
const spareMs = 600_000;

/** The names of the replicas that have indexes of requests. Some of them may have been removed since. */
export class IndexedReplicas {
  readonly #connection: Connection;
  readonly #log: Logger;
  /** When the names that this process has written expire, in ms since the epoch. */
  readonly #expiries = new Map<string, number>();

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#log = log;
  }

  /**
   * Notes that a replica has indexes. Most calls find that noted and do nothing.
   * @param lifeMs how long the indexes live at least, in ms.
   */
  note(replica: string, lifeMs: number): void {
    const now = clockOf(this.#connection).now();
    if (now + lifeMs <= (this.#expiries.get(replica) ?? 0)) return;
    const expiry = now + lifeMs + spareMs;
    this.#expiries.set(replica, expiry);
    const key = keysOf(this.#connection).indexedReplicas;
    const redis = redisOf(this.#connection);
    const written = redis.zadd(key, 'GT', String(expiry), replica);
    Promise.all([written, redis.zremrangebyscore(key, 0, now)]).catch((error: unknown) => {
      this.#expiries.delete(replica);
      this.#log.debug({ err: error }, 'the indexes of a replica may not be found after its removal');
    });
  }

  /** @returns the names, in no order. */
  async read(): Promise<readonly string[]> {
    const redis = redisOf(this.#connection);
    const { indexedReplicas } = keysOf(this.#connection);
    return (await nullIfWrongType(redis.zrangebyscore(indexedReplicas, '-inf', '+inf'))) ?? [];
  }
}
