import { Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { inRedisTime } from './redis/bullmq-time.ts';
import { isJob } from '../contract/job.ts';
import type { JobData } from '../contract/job.ts';
import { mayBeGarbled } from './repair/key-repair.ts';
import type { Keys } from './keys/keys.ts';
import { clockOf } from './redis/redis-clock.ts';

/** @returns a replica's queue for what a worker does with jobs that it has not taken; it adds none. */
export function openQueue(redis: Redis, keys: Keys, replica: string): Queue<JobData> {
  return open(redis, keys, keys.queue(replica));
}

/** As {@link QueueJobs.read}. */
export async function readJob(
  queue: Queue<JobData>,
  id: string,
): Promise<Job<JobData> | 'garbled' | undefined> {
  try {
    const job = await Job.fromId<JobData>(queue, id);
    return job === undefined || isJob(job.data) ? job : 'garbled';
  } catch (error) {
    if (error instanceof SyntaxError || mayBeGarbled(error)) return 'garbled';
    throw error;
  }
}

function open<Data>(redis: Redis, keys: Keys, name: string): Queue<Data> {
  const queue = new Queue<Data>(name, {
    connection: redis,
    prefix: keys.prefix,
    skipMetasUpdate: true,
    skipVersionCheck: true,
  });
  return inRedisTime(queue, clockOf(redis));
}
