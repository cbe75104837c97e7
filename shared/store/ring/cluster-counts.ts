import type { ClusterCount } from '../../contract/cluster-counts.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { nullIfWrongType } from '../repair/key-repair.ts';

/**
 * Numbers of rare events that are counted for all processes together. They are written apart from the events,
 * once for each turn of the event loop, and a number may be lost with a Redis that is away.
 */
export class ClusterCounts {
  readonly #redis: Redis;
  readonly #key: string;
  #added = new Map<ClusterCount, number>();

  constructor(connection: Connection) {
    this.#redis = redisOf(connection);
    this.#key = keysOf(connection).counts;
  }

  /** Returns at once. */
  add(count: ClusterCount, by = 1): void {
    if (by === 0) return;
    if (this.#added.size === 0) setImmediate(() => this.#write());
    this.#added.set(count, (this.#added.get(count) ?? 0) + by);
  }

  /** @returns all numbers that are not 0. */
  async readAll(): Promise<ReadonlyMap<string, number>> {
    const fields = (await nullIfWrongType(this.#redis.hgetall(this.#key))) ?? {};
    return new Map(Object.entries(fields).map(([name, count]) => [name, Number(count) || 0]));
  }

  #write(): void {
    const added = this.#added;
    this.#added = new Map();
    // A user of an earlier release may not have the right, and Redis may be away. Nothing depends on it.
    for (const [count, by] of added) this.#redis.hincrby(this.#key, count, by).catch(() => undefined);
  }
}

const countsOfRedis = new WeakMap<Redis, ClusterCounts>();

/** @returns the counts of the connection's system; the same object each time. */
export function countsOf(connection: Connection): ClusterCounts {
  const redis = redisOf(connection);
  let counts = countsOfRedis.get(redis);
  if (counts === undefined) countsOfRedis.set(redis, (counts = new ClusterCounts(connection)));
  return counts;
}
