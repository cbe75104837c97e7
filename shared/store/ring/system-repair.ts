import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import type { RingStore } from './ring-store.ts';
import { expectedOfQueue, expectedOfReplica, expectedOfRing } from '../repair/expected-keys.ts';
import { KeyRepair, mayBeGarbled, nullIfWrongType } from '../repair/key-repair.ts';

/**
 * Moves garbled keys of the ring, the replicas and the callbacks aside. Only a controller may write all of
 * these.
 */
export class SystemRepair {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #store: RingStore;
  readonly #repair: KeyRepair;

  constructor(connection: Connection, store: RingStore, log: Logger) {
    this.#connection = connection;
    this.#keys = keysOf(connection);
    this.#store = store;
    this.#repair = new KeyRepair(connection, log);
  }

  /**
   * Call it after a failure. Never rejects.
   * @param names replicas whose keys may be the cause, besides those that are known from Redis.
   * @returns whether a key was moved aside, so that another attempt may succeed.
   */
  async after(failure: unknown, names: readonly string[]): Promise<boolean> {
    if (!mayBeGarbled(failure)) return false;
    const keys = this.#keys;
    const known = await this.#names().catch(() => []);
    return this.#repair.after(failure, function* expected() {
      yield* expectedOfRing(keys);
      yield* expectedOfQueue(keys, keys.callbacks);
      for (const name of new Set([...names, ...known])) yield* expectedOfReplica(keys, name);
    });
  }

  async #names(): Promise<readonly string[]> {
    const [{ desired, retired }, offered] = await Promise.all([
      this.#store.read(),
      nullIfWrongType(redisOf(this.#connection).smembers(this.#keys.offered)),
    ]);
    const unreadable = this.#store.unreadable.keys();
    return [...desired.map(({ name }) => name), ...retired.keys(), ...unreadable, ...(offered ?? [])];
  }
}
