import type { ReplyFrame } from '../../contract/reply.ts';
import type { Fenced } from '../../contract/fenced.ts';
import type { Connection } from '../redis/connection.ts';
import { pushReplies } from '../scripts/replies.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** An inbox expires after this time in ms if its gateway no longer reads it. */
export const inboxTtlMs = 60_000;

/** The inboxes of the gateways, as the worker of one replica fills them. */
export class ReplyInboxes {
  readonly #run: Run;
  readonly #lease: Fenced;

  /** @param lease the lease under which the worker answers for the replica. */
  constructor(connection: Connection, lease: Fenced) {
    this.#run = createRun(connection);
    this.#lease = lease;
  }

  /** @returns whether the replies were pushed: nothing was if another worker has taken the lease. */
  push(gateway: string, frames: readonly ReplyFrame[]): Promise<boolean> {
    return this.#run(pushReplies, { lease: this.#lease, gateway, ttlMs: inboxTtlMs, frames });
  }
}
