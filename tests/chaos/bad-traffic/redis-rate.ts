import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { now } from '../clock.ts';

/** @returns how many commands per second Redis runs over the next `ms`, including those of scripts. */
export async function commandRate(redis: Redis, ms: number): Promise<number> {
  const before = await commands(redis);
  const startedAt = now();
  await delay(ms);
  const after = await commands(redis);
  return Math.round(((after - before) * 1000) / (now() - startedAt));
}

async function commands(redis: Redis): Promise<number> {
  const stats = await redis.info('commandstats');
  return [...stats.matchAll(/calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}
