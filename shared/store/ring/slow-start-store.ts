import type { Logger } from '../../process/logger.ts';
import type { SlowStart } from '../../ring/slow-start.ts';
import { keysOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfRing } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';
import { changeSlowStarts } from '../scripts/weights.ts';

/** Changes how much of their weights replicas have that came into the ring a while ago. */
export class SlowStartStore {
  readonly #connection: Connection;
  readonly #repair: KeyRepair;
  readonly #run: Run;

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#repair = new KeyRepair(connection, log);
    this.#run = createRun(connection);
  }

  /**
   * Makes steps of slow starts. Only the leading controller may. A replica that is not in the ring is left
   * out.
   * @param token the leadership's token.
   * @param steps the slow starts by replica; undefined: it has all of its weight.
   * @returns false if another controller leads; then nothing was changed.
   */
  async change(token: string, steps: ReadonlyMap<string, SlowStart | undefined>): Promise<boolean> {
    const result = await this.#repair.withRepair(
      () => this.#run(changeSlowStarts, { token, steps }),
      () => expectedOfRing(keysOf(this.#connection)),
    );
    return result === 'changed';
  }
}
