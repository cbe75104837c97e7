import type { Logger } from '../../process/logger.ts';
import type { ParkCall } from '../../contract/callback.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfQueue } from '../repair/expected-keys.ts';
import type { ExpectedKey } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { parkCallbacks, unparkCallbacks } from '../scripts/callbacks.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/**
 * Callbacks that wait until their receiver has a free slot. They are in BullMQ's delayed set; a set for each
 * receiver says which of them can be brought back before they are due.
 */
export class CallbackParking {
  readonly #keys: Keys;
  readonly #run: Run;
  readonly #repair: KeyRepair;

  constructor(connection: Connection, log: Logger) {
    this.#keys = keysOf(connection);
    this.#run = createRun(connection);
    this.#repair = new KeyRepair(connection, log);
  }

  /**
   * Adds delayed callbacks to the sets of their receivers, and parks the callbacks of these receivers that
   * are next in the queue.
   * @returns the ids of those that were next in the queue.
   */
  park(call: ParkCall): Promise<readonly string[]> {
    return this.#repair.withRepair(
      () => this.#run(parkCallbacks, call),
      () => this.#expected(call.receivers),
    );
  }

  /**
   * Brings up to `max` callbacks of a receiver back to the head of the queue.
   * @returns how many are still parked.
   */
  bringBack(receiver: string, max: number): Promise<number> {
    return this.#repair.withRepair(
      () => this.#run(unparkCallbacks, { receiver, max }),
      () => this.#expected([receiver]),
    );
  }

  #expected(receivers: readonly string[]): ExpectedKey[] {
    const sets = receivers.map((receiver): ExpectedKey => {
      return { key: this.#keys.parkedCallbacks(receiver), type: 'zset' };
    });
    return [...expectedOfQueue(this.#keys, this.#keys.callbacks), ...sets];
  }
}
