import type { PartedFrame } from '../../contract/frame.ts';
import type { ReplyFrame } from '../../contract/reply.ts';
import type { Fenced } from '../../contract/fenced.ts';
import type { Logger } from '../../process/logger.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { inOneWrite } from '../redis/open-redis.ts';
import { pushFramesBefore } from './frames-before.ts';
import { inboxTtlMs } from './inbox-ttl.ts';
import { pushReplies } from '../scripts/replies.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** A frame for an inbox, and the one with its bytes, if that has to be there before it. */
export interface InboxFrame {
  readonly frame: ReplyFrame;
  readonly before: PartedFrame | undefined;
}

/** The inboxes of the gateways, as the worker of one replica fills them. */
export class ReplyInboxes {
  readonly #connection: Connection;
  readonly #run: Run;
  readonly #lease: Fenced;
  readonly #log: Logger;

  /** @param lease the lease under which the worker answers for the replica. */
  constructor(connection: Connection, lease: Fenced, log: Logger) {
    this.#connection = connection;
    this.#run = createRun(connection);
    this.#lease = lease;
    this.#log = log;
  }

  /** @returns whether the replies were pushed: nothing was if another worker has taken the lease. */
  push(gateway: string, items: readonly InboxFrame[]): Promise<boolean> {
    const frames = items.map(({ frame }) => frame);
    const push = (): Promise<boolean> =>
      this.#run(pushReplies, { lease: this.#lease, gateway, ttlMs: inboxTtlMs, frames });
    const before = items.flatMap((item) =>
      item.before === undefined ? [] : [{ gateway, frame: item.before }],
    );
    if (before.length === 0) return push();
    const [redis, keys] = [redisOf(this.#connection), keysOf(this.#connection)];
    return inOneWrite(redis, () => {
      pushFramesBefore(redis, (each) => keys.inbox(this.#lease.replica, each), before, this.#log);
      return push();
    });
  }
}
