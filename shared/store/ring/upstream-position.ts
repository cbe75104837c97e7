import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** @returns the position of a replica in UPSTREAMS, from 0; undefined if it has none. */
export async function upstreamPosition(connection: Connection, replica: string): Promise<number | undefined> {
  const text = await redisOf(connection).hget(keysOf(connection).upstreamPositions, replica);
  // A controller replaces a value that cannot be read.
  return text !== null && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}
