import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { inRedisTime } from './redis/bullmq-time.ts';
import type { CallbackData } from './callbacks.ts';
import type { JobData } from '../contract/job.ts';
import type { Keys } from './keys/keys.ts';
import { clockOf } from './redis/redis-clock.ts';

/** @returns a replica's queue for what a worker does with jobs that it has not taken; it adds none. */
export function openQueue(redis: Redis, keys: Keys, replica: string): Queue<JobData> {
  return open(redis, keys, keys.queue(replica));
}

/** @returns the queue of callbacks, which a worker calls and does not send. */
export function openCallbackQueue(redis: Redis, keys: Keys): Queue<CallbackData> {
  return open(redis, keys, keys.callbacks);
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
