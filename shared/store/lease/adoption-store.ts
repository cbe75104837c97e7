import type { Redis } from '../redis/access.ts';
import { isReplicaName } from '../../contract/replica-name.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** What the ring says to workers: which replicas were removed, and which worker may adopt whose queue. */
export class AdoptionStore {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(connection: Connection) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
  }

  /** @returns whether a replica was removed, and only finishes what it holds. */
  async isRetired(replica: string): Promise<boolean> {
    return (await this.#redis.hexists(this.#keys.retired, replica)) === 1;
  }

  /** @returns the replicas whose queues are offered for adoption. */
  async offered(): Promise<string[]> {
    return (await this.#redis.smembers(this.#keys.offered)).filter(isReplicaName);
  }

  /** @returns the heir of each retired replica that was replaced: the only one that adopts its queue. */
  async heirs(): Promise<ReadonlyMap<string, string>> {
    return new Map(Object.entries(await this.#redis.hgetall(this.#keys.heirs)));
  }

  /** @returns whether a replica has an heir. */
  async hasHeir(replica: string): Promise<boolean> {
    return (await this.#redis.hget(this.#keys.heirs, replica)) !== null;
  }

  /** @returns the retired replicas that this one has replaced, directly or through others. */
  async inheritedBy(replica: string): Promise<string[]> {
    const heirs = [...(await this.heirs())];
    return heirs.flatMap(([name, heir]) => (heir === replica && isReplicaName(name) ? [name] : []));
  }
}
