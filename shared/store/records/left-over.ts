import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** How many messages and requests are left over. */
export interface LeftOver {
  readonly deadLetters: number;
  /** Callbacks that are not delivered yet, also those of requests that have not ended. */
  readonly callbacks: number;
}

/** Counts the dead letters, and the callbacks that are not delivered yet: one round trip. */
export async function countLeftOver(connection: Connection): Promise<LeftOver> {
  const redis = redisOf(connection);
  const keys = keysOf(connection);
  const part = (name: string): string => keys.bullMq(keys.callbacks, name);
  const [deadLetters, ...callbacks] = await Promise.all([
    redis.zcard(keys.deadLetters),
    redis.llen(part('wait')),
    redis.llen(part('active')),
    redis.zcard(part('delayed')),
  ]);
  return { deadLetters, callbacks: callbacks.reduce((sum, count) => sum + count, 0) };
}
