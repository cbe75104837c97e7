import type { Logger } from '../../process/logger.ts';
import type { RingMember } from '../../ring/ring.ts';
import { keysOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfRing } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';
import { changeMember } from '../scripts/weights.ts';
import type { RingState, RingStore } from './ring-store.ts';

/** Changes the weights of desired replicas in Redis. */
export class WeightStore {
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

  /**
   * Changes the place of one replica. If another change comes first, `decide` is called again with the newer
   * state.
   * @param decide returns the replica's new place in that state, or undefined for no change; what it throws
   * is passed on.
   * @returns the state after the change.
   */
  async change(decide: (state: RingState) => RingMember | undefined): Promise<RingState> {
    for (;;) {
      const state = await this.#store.read();
      const member = decide(state);
      if (member === undefined) return state;
      const call = { version: state.version, member };
      const result = await this.#repair.withRepair(
        () => this.#run(changeMember, call),
        () => expectedOfRing(keysOf(this.#connection)),
      );
      if (result === 'changed') return this.#store.read();
    }
  }
}
