import type { Redis } from 'ioredis';
import type { Keys } from './keys/keys.ts';
import { clockOf } from './redis/redis-clock.ts';
import { scriptsOn } from './scripts/load.ts';

/** A line outlives the deadlines of those in it by this time, in ms. */
const graceMs = 60_000;

/**
 * Puts a request at the end of the line of its key; one that is in it keeps its place.
 * @param order of its job.
 * @param deadline of its job, in ms since the epoch, by Redis's clock.
 */
export async function joinLine(
  redis: Redis,
  keys: Keys,
  order: string,
  id: string,
  deadline: number,
): Promise<void> {
  const ttlMs = Math.max(0, deadline - clockOf(redis).now()) + graceMs;
  await scriptsOn(redis)('join-line', keys.line(order), id, ttlMs);
}
