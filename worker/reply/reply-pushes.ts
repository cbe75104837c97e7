import type { Redis } from 'ioredis';
import { Batches } from '#shared/store/redis/batches.ts';
import type { ReplyFrame } from '#shared/contract/reply.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { scriptsOn } from '#shared/store/scripts/load.ts';

/** Another worker answers for the replica by now; nothing was sent. */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';
}

/** What is needed of a lease to be refused once another worker has taken it. */
export interface Fenced {
  readonly replica: string;
  readonly fence: number;
}

/** Puts the frame of a reply into the inbox of a gateway; resolves once Redis has it, rejects when it refuses it. */
export interface ReplyPush {
  push(gateway: string, id: string, frame: ReplyFrame): Promise<void>;
}

/** An inbox that its gateway does not read any more is gone after this time, in ms. */
export const inboxTtlMs = 60_000;
const mostFrames = 1000;

/**
 * Pushes replies by a script of its own; those that come together to one gateway in one call.
 * @param lease by which the worker answers for a replica.
 * @param onSuperseded called when another worker answers for the replica.
 */
export function createReplyPushes(
  redis: Redis,
  keys: Keys,
  lease: Fenced,
  onSuperseded: () => void,
): ReplyPush {
  const batches = new Batches<ReplyFrame>(mostFrames, async (gateway, frames) => {
    const { replica, fence } = lease;
    const inbox = keys.inbox(replica, gateway);
    const run = scriptsOn(redis);
    const sent = await run('push-replies', inbox, keys.leaseFence(replica), fence, inboxTtlMs, ...frames);
    if (sent === 1) return;
    onSuperseded();
    throw new SupersededError('another worker has taken the lease');
  });
  return { push: (gateway, _, frame) => batches.add(gateway, frame) };
}
