import type { Logger } from '../../process/logger.ts';
import type { RingMember } from '../../ring/ring.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import { expectedOfRing } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import type { RingState, RingStore } from './ring-store.ts';
import { replaceReplica } from '../scripts/ring.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** A new replica that takes the place of a dead one. */
export interface Replacement {
  readonly dead: string;
  readonly member: RingMember;
}

/** Which replica replaced which, in Redis: the replacement is the heir of the dead replica's queue. */
export class HeirStore {
  readonly #connection: Connection;
  readonly #store: RingStore;
  readonly #repair: KeyRepair;
  readonly #run: Run;

  constructor(connection: Connection, store: RingStore, log: Logger) {
    this.#connection = connection;
    this.#store = store;
    this.#repair = new KeyRepair(connection, log);
    this.#run = createRun(connection);
  }

  /** @returns for each retired replica that was replaced: the only replica that adopts its queue. */
  async read(): Promise<ReadonlyMap<string, string>> {
    const { heirs } = keysOf(this.#connection);
    return new Map(Object.entries(await this.#repairing(() => redisOf(this.#connection).hgetall(heirs))));
  }

  /** Records that the queue of a retired replica no longer has an heir. */
  async end(replica: string): Promise<void> {
    const { heirs } = keysOf(this.#connection);
    await this.#repairing(() => redisOf(this.#connection).hdel(heirs, replica));
  }

  /**
   * Puts a new replica in the place of one whose worker has certainly ended. Only the leading controller may.
   * @param token the leadership's token.
   * @param decide returns the replacement in that state, or undefined for none; it is called again if another
   * change came first.
   * @returns false if nothing was changed.
   */
  async replace(token: string, decide: (state: RingState) => Replacement | undefined): Promise<boolean> {
    for (;;) {
      const state = await this.#store.read();
      const replacement = decide(state);
      if (replacement === undefined) return false;
      const now = clockOf(this.#connection).now();
      const call = { ...replacement, token, version: state.version, now };
      const result = await this.#repairing(() => this.#run(replaceReplica, call));
      if (result !== 'outdated') return result === 'changed';
    }
  }

  #repairing<T>(act: () => Promise<T>): Promise<T> {
    return this.#repair.withRepair(act, () => expectedOfRing(keysOf(this.#connection)));
  }
}
