import type { HeirStore } from './heir-store.ts';
import { keysOf, redisOf } from './redis/access.ts';
import type { Connection } from './redis/connection.ts';
import { pardon } from './replica-queue.ts';

/** Records which workers ringpost itself ends: the requests that such a worker runs did not crash it. */
export class ExpectedDeaths {
  readonly #connection: Connection;
  readonly #heirs: HeirStore;

  constructor(connection: Connection, heirs: HeirStore) {
    this.#connection = connection;
    this.#heirs = heirs;
  }

  /**
   * Records that ringpost ends a worker, for the replica's own queue and for each queue that the replica inherited.
   * @param graceMs time in ms that the worker has for its drain.
   */
  async expect(replica: string, generation: number, graceMs: number): Promise<void> {
    const redis = redisOf(this.#connection);
    const keys = keysOf(this.#connection);
    await pardon(redis, keys, replica, generation, graceMs);
    for (const [dead, heir] of await this.#heirs.read()) {
      const last = heir === replica ? await redis.get(keys.currentGeneration(dead)) : null;
      if (last !== null) await pardon(redis, keys, dead, last, graceMs);
    }
  }
}
