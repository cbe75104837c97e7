import type { Redis } from 'ioredis';
import { expectedOfQueue, expectedOfReplica, expectedOfRing } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair, mayBeGarbled, orNull } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { RingStore } from '#shared/store/ring-store.ts';
import { fitting } from '#shared/ring/fitting.ts';
import type { RingMember, RingParameters } from '#shared/ring/ring.ts';
import { placeAll } from '../ring/replica-changes.ts';

export interface MendingOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: RingStore;
  readonly parameters: RingParameters;
  /** Called when something was moved aside. */
  readonly onMended: () => void;
  readonly log: Logger;
}

/** How a controller goes on if there is garbled data in Redis. */
export class Mending {
  readonly #options: MendingOptions;
  readonly #repair: KeyRepair;

  constructor(options: MendingOptions) {
    this.#options = options;
    this.#repair = new KeyRepair(options.redis, options.keys, options.log);
  }

  /**
   * To be called after a failure. Never rejects.
   * @param names of replicas whose keys may be the cause, beside those of the ring.
   * @returns whether something was moved aside, so that it may go better now.
   */
  async after(failure: unknown, names: readonly string[] = []): Promise<boolean> {
    if (!mayBeGarbled(failure)) return false;
    const { keys } = this.#options;
    const all = await this.#names().catch(() => []);
    const mended = await this.#repair.after(failure, function* expected() {
      yield* expectedOfRing(keys);
      yield* expectedOfQueue(keys, keys.callbacks);
      for (const name of new Set([...names, ...all])) yield* expectedOfReplica(keys, name);
    });
    if (mended) this.#options.onMended();
    return mended;
  }

  /**
   * Writes the places of desired replicas anew that cannot be read in Redis, or cannot stand on the ring beside those of
   * others. A replica whose place is known keeps it; any other gets one as a newcomer does.
   * @returns whether there were any.
   */
  async desired(desired: readonly RingMember[]): Promise<boolean> {
    const { store, parameters } = this.#options;
    if (store.unreadable.size === 0 && fitting(parameters, desired).misfits.length === 0) return false;
    await store.keepUnreadable();
    await store.changeDesired((state) => {
      const { members, misfits } = fitting(parameters, state.desired);
      const known = members.filter(({ name }) => store.unreadable.has(name));
      const unknown = [...store.unreadable.keys()].filter(
        (name) => !members.some((member) => member.name === name),
      );
      const names = [...new Set([...unknown, ...misfits])];
      if (known.length + names.length === 0) return undefined;
      return { add: [...known, ...placeAll({ ...state, desired: members }, names, parameters)], remove: [] };
    });
    return true;
  }

  async #names(): Promise<readonly string[]> {
    const { redis, keys, store } = this.#options;
    const [{ desired, retired }, offered] = await Promise.all([
      store.read(),
      orNull(redis.smembers(keys.offered)),
    ]);
    const names = [...desired.map(({ name }) => name), ...retired.keys(), ...store.unreadable.keys()];
    return [...names, ...(offered ?? [])];
  }
}
