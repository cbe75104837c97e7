import type { Logger } from '../process/logger.ts';
import { keysOf } from './redis/access.ts';
import type { Connection } from './redis/connection.ts';
import { expectedOfRing } from './repair/expected-keys.ts';
import { KeyRepair } from './repair/key-repair.ts';
import { lead, resign } from './scripts/leadership.ts';
import { createRun } from './scripts/script.ts';
import type { Run } from './scripts/script.ts';

/** The lease that makes one controller the leader. Its token fences what the leader writes. */
export class LeaderLease {
  readonly #run: Run;

  constructor(connection: Connection, log: Logger) {
    const keys = keysOf(connection);
    const run = createRun(connection);
    const repair = KeyRepair.on(connection, log);
    this.#run = (specification, call) =>
      repair.mending(
        () => run(specification, call),
        () => expectedOfRing(keys),
      );
  }

  /**
   * Takes the lease if it is free, or renews it if this controller has it.
   * @param leaseMs the lease's TTL.
   * @returns the token, or undefined while another controller leads.
   */
  take(controller: string, leaseMs: number): Promise<string | undefined> {
    return this.#run(lead, { controller, leaseMs });
  }

  /** Gives the lease up. @returns whether `token` still had it. */
  resign(token: string): Promise<boolean> {
    return this.#run(resign, { token });
  }
}
