import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** @returns how many dead letters there are, with those that have expired since the last one was added. */
export function countDeadLetters(connection: Connection): Promise<number> {
  return redisOf(connection).zcard(keysOf(connection).deadLetters);
}
