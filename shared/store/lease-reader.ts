import type { Redis } from 'ioredis';
import { parseLease } from '../contract/lease.ts';
import type { Keys } from './keys/keys.ts';
import { keysOf, redisOf } from './redis/access.ts';
import type { Connection } from './redis/connection.ts';
import { orNull } from './repair/key-repair.ts';

/** Reads the leases of the replicas' workers. */
export class LeaseReader {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(connection: Connection) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
  }

  /** @returns whether a worker has the replica's lease. */
  async exists(replica: string): Promise<boolean> {
    return (await this.#redis.exists(this.#keys.lease(replica))) === 1;
  }

  /** @returns the lease; undefined if there is none, or it cannot be read: the worker writes it again. */
  async read(replica: string): Promise<ReturnType<typeof parseLease>> {
    const json = await orNull(this.#redis.get(this.#keys.lease(replica)));
    return json === null ? undefined : parseLease(json);
  }
}
