import type { Redis } from 'ioredis';
import { expectedOfRing } from './repair/expected-keys.ts';
import { KeyRepair } from './repair/key-repair.ts';
import type { Keys } from './keys/keys.ts';
import type { Logger } from '../process/logger.ts';
import { clockOf } from './redis/redis-clock.ts';
import type { RingMember } from '../ring/ring.ts';
import type { RingState, RingStore } from './ring-store.ts';
import { scriptsOn } from './scripts/load.ts';

/** A new replica in the place of a dead one. */
export interface Replacement {
  readonly dead: string;
  readonly member: RingMember;
}

/** Which replica has replaced which, in Redis: the replacement is the heir of the dead one's queue. */
export class HeirStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #store: RingStore;
  readonly #repair: KeyRepair;

  constructor(redis: Redis, keys: Keys, store: RingStore, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#store = store;
    this.#repair = new KeyRepair(redis, keys, log);
  }

  /** @returns for each retired replica that was replaced: the replica that alone adopts its queue. */
  async read(): Promise<ReadonlyMap<string, string>> {
    return new Map(Object.entries(await this.#mending(() => this.#redis.hgetall(this.#keys.heirs))));
  }

  /** The queue of a retired replica has no heir any more. */
  async end(replica: string): Promise<void> {
    await this.#mending(() => this.#redis.hdel(this.#keys.heirs, replica));
  }

  /**
   * The leading controller puts a new replica in the place of one whose worker has ended for certain.
   * @param token the leadership's token.
   * @param decide the replacement in that state, or undefined for none; asked again if another change came first.
   * @returns false if nothing was changed.
   */
  async replace(token: string, decide: (state: RingState) => Replacement | undefined): Promise<boolean> {
    const { version, desired, ring, retired, joined, heirs, leader, changes } = this.#keys;
    const run = scriptsOn(this.#redis);
    for (;;) {
      const state = await this.#store.read();
      const replacement = decide(state);
      if (replacement === undefined) return false;
      const { dead, member } = replacement;
      const result = await this.#mending(() =>
        run(
          'replace-replica',
          version,
          desired,
          ring,
          retired,
          joined,
          heirs,
          leader,
          token,
          state.version,
          clockOf(this.#redis).now(),
          changes,
          dead,
          member.name,
          JSON.stringify(member),
          member.joined,
        ),
      );
      if (result !== -2) return result !== -1;
    }
  }

  #mending<T>(act: () => Promise<T>): Promise<T> {
    return this.#repair.mending(act, () => expectedOfRing(this.#keys));
  }
}
