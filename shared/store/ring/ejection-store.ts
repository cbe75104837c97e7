import { isOut } from '../../contract/ejection.ts';
import type { Ejection } from '../../contract/ejection.ts';
import type { Logger } from '../../process/logger.ts';
import { keysOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfRing } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { changeEjections } from '../scripts/ejections.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** Changes what outlier detection has noted of replicas. */
export class EjectionStore {
  readonly #connection: Connection;
  readonly #repair: KeyRepair;
  readonly #run: Run;

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#repair = new KeyRepair(connection, log);
    this.#run = createRun(connection);
  }

  /**
   * Notes which replicas are ejected. A replica that is out leaves the ring in the same step, so that no
   * request goes there any more. Only the leading controller may.
   * @param token the leadership's token.
   * @param version the version of the ring for which that was decided; with another one nothing is changed.
   * @param changes the ejection of each replica; undefined removes it.
   */
  change(
    token: string,
    version: number,
    changes: readonly { readonly name: string; readonly ejection: Ejection | undefined }[],
  ): Promise<'changed' | 'outdated' | 'deposed'> {
    const noted = changes.map(({ name, ejection }) => ({
      name,
      ejection: ejection === undefined ? '' : JSON.stringify(ejection),
      leaves: isOut(ejection),
    }));
    return this.#repair.withRepair(
      () => this.#run(changeEjections, { token, version, changes: noted }),
      () => expectedOfRing(keysOf(this.#connection)),
    );
  }
}
