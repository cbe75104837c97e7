import type { Redis } from 'ioredis';
import type { Keys } from '#shared/store/keys/keys.ts';
import { GarbledJobs } from '../queue/garbled-jobs.ts';
import { reclaimAll } from './reclaim-all.ts';
import type { ReplicaLease } from '../lease/replica-lease.ts';
import { ReplyOutbox } from '../reply/reply-outbox.ts';
import type { ReplyOutboxOptions } from '../reply/reply-outbox.ts';
import { createReplyPushes } from '../reply/reply-pushes.ts';
import { Turns } from '../run/turns.ts';

export interface ReclaimAheadOptions extends Omit<ReplyOutboxOptions, 'pushes' | 'lease'> {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Of the replica's queue, not taken yet. */
  readonly lease: ReplicaLease;
}

/**
 * Takes back what a dead worker held before the handler is loaded, which may take its time: clients that cannot have an
 * answer learn so now, and the rest may be adopted meanwhile. Does nothing while another worker serves the queue.
 */
export async function reclaimAhead(options: ReclaimAheadOptions): Promise<void> {
  const { connection, redis, keys, lease, onSuperseded, log } = options;
  const { replica, own } = lease;
  if ((await lease.take(own ? 'starting' : 'adopted')) !== 'taken') return;
  const pushes = createReplyPushes(connection, lease, onSuperseded);
  const outbox = new ReplyOutbox({ ...options, pushes });
  const garbled = new GarbledJobs({ connection, lease, outbox, log });
  const turns = new Turns(connection, log);
  const reclaiming = { redis, keys, replica, outbox, garbled, turns, log };
  await reclaimAll(reclaiming, { name: String(lease.fence), ...lease.predecessor });
  await lease.end();
}
