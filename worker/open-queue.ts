import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { JobData } from '#shared/contract/job.ts';
import type { Keys } from '#shared/keys.ts';

/** @returns a replica's queue for what a worker does with jobs that it has not taken; it adds none. */
export function openQueue(redis: Redis, keys: Keys, replica: string): Queue<JobData> {
  return new Queue<JobData>(keys.queue(replica), {
    connection: redis,
    prefix: keys.prefix,
    skipMetasUpdate: true,
    skipVersionCheck: true,
  });
}
