import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfJobs } from '../repair/expected-keys.ts';
import { KeyRepair, mayBeGarbled } from '../repair/key-repair.ts';
import { readLoad } from '../scripts/read-load.ts';
import type { LoadWord } from '../scripts/read-load.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

export type { LoadWord } from '../scripts/read-load.ts';

/** Reads the loads of replicas. */
export class QueueLoads {
  readonly #keys: Keys;
  readonly #run: Run;
  readonly #repair: KeyRepair;

  /** @param connection the one on which jobs are added, so that each read counts what was added before. */
  constructor(connection: Connection, log: Logger) {
    this.#keys = keysOf(connection);
    this.#run = createRun(connection);
    this.#repair = new KeyRepair(connection, log);
  }

  /**
   * Reads the loads of replicas in one round trip, with one command for each.
   * @returns them by replica. One with a garbled key is left out; the key is moved aside.
   */
  async read(replicas: readonly string[]): Promise<ReadonlyMap<string, LoadWord>> {
    const read = await Promise.all(
      replicas.map(async (replica) => {
        try {
          return [[replica, await this.#run(readLoad, { replica })] as const];
        } catch (error) {
          if (!mayBeGarbled(error)) throw error;
          void this.#repair.after(error, () => expectedOfJobs(this.#keys, replica));
          return [];
        }
      }),
    );
    return new Map(read.flat());
  }
}
