import type { Redis } from 'ioredis';
import { encodeCaller } from '#shared/contract/caller.ts';
import type { Caller } from '#shared/contract/caller.ts';
import { replicaOf } from '#shared/contract/request-id.ts';
import { expectedOfRequest } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { scriptsOn } from '#shared/store/scripts/load.ts';

/**
 * Ends requests that have not begun. The record decides: a worker notes there that it begins a request before it does so,
 * and does not begin one that has ended. So a gateway that was frozen may hand such a request over later, and nothing is run.
 */
export class Unbegun {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;

  /** @param redis a fail-fast connection. */
  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#repair = new KeyRepair(redis, keys, log);
  }

  /**
   * @param caller whose request it is.
   * @param ttlMs time in ms in which it might be handed over yet.
   * @returns whether the request has not begun, and never will.
   */
  async end(id: string, caller: Caller, ttlMs: number): Promise<boolean> {
    const replica = replicaOf(id);
    // Nobody could hand it over.
    if (replica === undefined) return true;
    const now = clockOf(this.#redis).now();
    // When it came is not known; until then it may be handed over.
    const fields = ['accepted', now, 'deadline', now + ttlMs, 'caller', encodeCaller(caller)];
    const ended = await this.#repair.mending(
      () =>
        scriptsOn(this.#redis)(
          'end-unbegun',
          this.#keys.request(replica, id),
          now,
          ttlMs,
          this.#keys.requestChanges(id),
          ...fields,
        ),
      () => expectedOfRequest(this.#keys, replica, id),
    );
    return ended === 1;
  }
}
