import { redisOf, replicasOf } from './access.ts';
import type { Connection } from './connection.ts';

/**
 * @param replicas how many replicas may become the master.
 * @returns how many of them must have a write, so that a majority of the servers has it, the master included.
 */
export function replicasNeeded(replicas: number): number {
  return Math.ceil(replicas / 2);
}

/**
 * Waits until a majority of the servers has what was written on this connection. Sentinels and a Cluster make
 * the replica the master that has most, so the next master has it too. A single server needs no majority.
 * @param timeoutMs how long to wait at most. Other commands of the connection wait as well.
 * @returns whether a majority has it.
 */
export async function replicated(connection: Connection, timeoutMs: number): Promise<boolean> {
  const replicas = replicasOf(connection);
  if (replicas === undefined) return true;
  const needed = replicasNeeded(replicas);
  if (needed === 0) return true;
  const redis = redisOf(connection);
  const have = await redis.wait(needed, Math.ceil(timeoutMs));
  if (have >= needed) return true;
  // A replica that the master still fills cannot become the master. A master that is cut off fills none.
  const info = await redis.info('replication');
  const filling = [...info.matchAll(/^slave\d+:.*state=(?!online)/gm)].length;
  return have >= replicasNeeded(Math.max(0, replicas - filling));
}
