import type { Redis } from 'ioredis';
import { driverTrouble } from '#shared/contract/replica-status.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Memory } from './plan.ts';

/** The states of the replicas as gateways read them in Redis. Only what has changed is written. */
export class PublishedStatus {
  readonly #redis: Redis;
  readonly #keys: Keys;
  #written = new Map<string, string>();

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Another controller may have written meanwhile. */
  forget(): void {
    this.#written = new Map();
  }

  /** @param trouble why the driver starts nothing, if so. */
  async write(memory: Memory, trouble: string | undefined): Promise<void> {
    const { status } = this.#keys;
    const current = new Map(
      Array.from(memory, ([name, state]) => [name, JSON.stringify(state satisfies ReplicaStatus)]),
    );
    if (trouble !== undefined) current.set(driverTrouble, trouble);
    // A field was moved aside, or Redis has lost it.
    if ((await this.#redis.hlen(status)) !== this.#written.size)
      this.#written = new Map((await this.#redis.hkeys(status)).map((name) => [name, '']));
    const changed = [...current].filter(([name, json]) => this.#written.get(name) !== json);
    const gone = [...this.#written.keys()].filter((name) => !current.has(name));
    if (changed.length > 0) await this.#redis.hset(status, Object.fromEntries(changed));
    if (gone.length > 0) await this.#redis.hdel(status, ...gone);
    this.#written = current;
  }
}
