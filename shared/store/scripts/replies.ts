import type { ReplyFrame } from '../../contract/reply.ts';
import type { Fenced } from '../../contract/fenced.ts';
import { script } from './script.ts';

export interface PushReplies {
  readonly lease: Fenced;
  readonly gateway: string;
  readonly ttlMs: number;
  readonly frames: readonly ReplyFrame[];
}

/** Puts replies into a gateway's inbox. Its result is false if another worker has taken the lease. */
export const pushReplies = script<PushReplies, boolean>({
  file: 'push-replies',
  keys: (keys, { lease: { replica }, gateway }) => [keys.inbox(replica, gateway), keys.leaseFence(replica)],
  args: ({ lease, ttlMs, frames }) => [lease.fence, ttlMs, ...frames],
  decode: (reply) => reply === 1,
});
