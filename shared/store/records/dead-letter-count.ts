import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { nullIfWrongType } from '../repair/key-repair.ts';

/** @returns how many dead letters are listed, a few expired ones among them. It costs one command. */
export async function countDeadLetters(connection: Connection): Promise<number> {
  return (await nullIfWrongType(redisOf(connection).zcard(keysOf(connection).deadLetters))) ?? 0;
}
