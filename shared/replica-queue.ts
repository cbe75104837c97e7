import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

/** How long the generation of a replica that is gone for good is remembered, in ms. */
export const generationTtlMs = 86_400_000;

/**
 * Begins a new generation of a replica: from here on, what an older one says is ignored.
 * @returns its number.
 */
export async function raiseGeneration(redis: Redis, keys: Keys, replica: string): Promise<number> {
  const key = keys.generation(replica);
  const results = await redis.multi().incr(key).persist(key).exec();
  const [error, generation] = results?.[0] ?? [];
  if (error) throw error;
  return Number(generation);
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
