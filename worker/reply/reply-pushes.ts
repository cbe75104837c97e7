import type { PartedFrame } from '#shared/contract/frame.ts';
import type { Fenced } from '#shared/contract/fenced.ts';
import type { ReplyFrame } from '#shared/contract/reply.ts';
import { Batches } from '#shared/store/redis/batches.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { ReplyInboxes } from '#shared/store/replies/reply-inboxes.ts';
import type { InboxFrame } from '#shared/store/replies/reply-inboxes.ts';
import type { Logger } from '#shared/process/logger.ts';

/** Another worker answers for the replica now; nothing was sent. */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';

  constructor(message = 'another worker has taken the lease') {
    super(message);
  }
}

export interface ReplyPush {
  /**
   * Pushes the frame of a reply into a gateway's inbox.
   * @param before the frame with its bytes, if they are not in the frame itself.
   * @returns once Redis has it; rejects if Redis refuses it.
   */
  push(gateway: string, id: string, frame: ReplyFrame, before?: PartedFrame): Promise<void>;
}

/** How many frames go into one call at most. */
const maxFrames = 1000;

/**
 * Pushes replies by a script of its own, several to one gateway in one call.
 * @param lease by which the worker answers for a replica.
 * @param onSuperseded called when another worker answers for the replica.
 */
export function createReplyPushes(
  connection: Connection,
  lease: Fenced,
  onSuperseded: () => void,
  log: Logger,
): ReplyPush {
  const inboxes = new ReplyInboxes(connection, lease, log);
  const batches = new Batches<InboxFrame>(maxFrames, async (gateway, frames) => {
    if (await inboxes.push(gateway, frames)) return;
    onSuperseded();
    throw new SupersededError();
  });
  return { push: (gateway, _, frame, before) => batches.add(gateway, { frame, before }) };
}
