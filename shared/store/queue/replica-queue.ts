import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { scorePerMs } from '../redis/bullmq-time.ts';
import { clockOf } from '../redis/redis-clock.ts';

/** @returns how many jobs of a replica's queue a worker could take now. */
export async function countReady(connection: Connection, replica: string): Promise<number> {
  const redis = redisOf(connection);
  const { wait, prioritized, delayed } = keysOf(connection).unfinished(replica);
  const counts = await Promise.all([
    redis.llen(wait),
    redis.zcard(prioritized),
    redis.zcount(delayed, 0, clockOf(connection).now() * scorePerMs),
  ]);
  return counts.reduce((sum, count) => sum + count, 0);
}

/** @returns how many jobs of a replica's queue are not finished, streams included. */
export async function countUnfinished(connection: Connection, replica: string): Promise<number> {
  const redis = redisOf(connection);
  const keys = keysOf(connection);
  const { wait, active, prioritized, delayed } = keys.unfinished(replica);
  const counts = await Promise.all([
    redis.llen(wait),
    redis.llen(active),
    redis.zcard(prioritized),
    redis.zcard(delayed),
    redis.scard(keys.streams(replica)),
  ]);
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Wakes an idle consumer, as BullMQ wakes its own workers. */
export async function wakeConsumer(connection: Connection, replica: string): Promise<void> {
  await redisOf(connection).zadd(keysOf(connection).marker(replica), 0, '0');
}
