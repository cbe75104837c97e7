import type { Logger } from '../../process/logger.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfRing } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { lead, resign } from '../scripts/leadership.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** The lease that makes one controller the leader. Its token fences what the leader writes. */
export class LeaderLease {
  readonly #connection: Connection;
  readonly #repair: KeyRepair;
  readonly #run: Run;

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#repair = new KeyRepair(connection, log);
    this.#run = createRun(connection);
  }

  /**
   * Takes the lease if it is free, or renews it if this controller has it.
   * @param leaseMs the lease's TTL.
   * @returns the token, or undefined while another controller leads.
   */
  take(controller: string, leaseMs: number): Promise<string | undefined> {
    return this.#repairing(() => this.#run(lead, { controller, leaseMs }));
  }

  /** Releases the lease. @returns whether `token` still had it. */
  resign(token: string): Promise<boolean> {
    return this.#repairing(() => this.#run(resign, { token }));
  }

  /** @returns the controller that leads and its token, as `<controller>#<token>`; undefined if none leads. */
  async holder(): Promise<string | undefined> {
    const { leader } = keysOf(this.#connection);
    return (await this.#repairing(() => redisOf(this.#connection).get(leader))) ?? undefined;
  }

  #repairing<T>(act: () => Promise<T>): Promise<T> {
    return this.#repair.withRepair(act, () => expectedOfRing(keysOf(this.#connection)));
  }
}
