import type { Redis } from 'ioredis';
import type { Keys } from './keys/keys.ts';
import { keysOf, redisOf } from './redis/access.ts';
import type { Connection } from './redis/connection.ts';
import { clockOf } from './redis/redis-clock.ts';
import { scriptsOn } from './scripts/load.ts';

/** How long the generation of a replica that is gone for good is remembered, in ms. */
export const generationTtlMs = 86_400_000;

/** How long it is remembered that ringpost or a shutdown ended a worker, beyond its drain, in ms. */
const pardonTtlMs = 60_000;

/**
 * Notes that ringpost or a shutdown ends the worker that serves a replica's queue: what it was running has not killed it.
 * @param generation the last one of the replica's own workers.
 * @param graceMs time in ms that the worker has for its drain.
 */
export async function pardon(
  redis: Redis,
  keys: Keys,
  replica: string,
  generation: number | string,
  graceMs: number,
): Promise<void> {
  await redis.set(keys.pardoned(replica), generation, 'PX', graceMs + pardonTtlMs);
}

/**
 * Gives the next generation of a replica to a worker that is about to start. It counts from when that worker takes the
 * replica's lease.
 */
export async function nextGeneration(redis: Redis, keys: Keys, replica: string): Promise<number> {
  const run = scriptsOn(redis);
  return Number(await run('next-generation', keys.generation(replica), keys.currentGeneration(replica)));
}

/** BullMQ scores a delayed job with the time in ms, and a counter of 12 bits below it. */
const scorePerMs = 0x1000;

/** @returns how many jobs of a replica's queue a worker could take now. */
export async function countReady(connection: Connection, replica: string): Promise<number> {
  const redis = redisOf(connection);
  const { wait, prioritized, delayed } = keysOf(connection).unfinished(replica);
  const counts = await Promise.all([
    redis.llen(wait),
    redis.zcard(prioritized),
    redis.zcount(delayed, 0, clockOf(redis).now() * scorePerMs),
  ]);
  return counts.reduce((sum, count) => sum + count, 0);
}

/** @returns how many jobs of a replica's queue are not finished. */
export function countUnfinished(connection: Connection, replica: string): Promise<number> {
  return backlogOf(redisOf(connection), keysOf(connection), replica);
}

/** Wakes a consumer that rests, as BullMQ wakes its own workers. */
export async function wakeConsumer(connection: Connection, replica: string): Promise<void> {
  await redisOf(connection).zadd(keysOf(connection).marker(replica), 0, '0');
}

/** @returns how many jobs of a replica's queue wait for a worker, and how many are delayed. */
export async function pendingOf(
  redis: Redis,
  keys: Keys,
  replica: string,
): Promise<{ readonly ready: number; readonly delayed: number }> {
  const { wait, prioritized, delayed } = keys.unfinished(replica);
  const [waiting, inOrder, notDue] = await Promise.all([
    redis.llen(wait),
    redis.zcard(prioritized),
    redis.zcard(delayed),
  ]);
  return { ready: waiting + inOrder, delayed: notDue };
}

/** @returns how many jobs of a replica's queue are not finished. */
export async function backlogOf(redis: Redis, keys: Keys, replica: string): Promise<number> {
  const { wait, active, prioritized, delayed } = keys.unfinished(replica);
  const counts = await Promise.all([
    redis.llen(wait),
    redis.llen(active),
    redis.zcard(prioritized),
    redis.zcard(delayed),
  ]);
  return counts.reduce((sum, count) => sum + count, 0);
}
