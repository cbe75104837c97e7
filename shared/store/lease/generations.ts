import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { nextGeneration as nextGenerationScript } from '../scripts/leases.ts';
import { createRun } from '../scripts/script.ts';

/** How long the generation of a replica that is gone for good is remembered, in ms. */
export const generationTtlMs = 86_400_000;

/** How long an expected death of a worker is remembered, beyond its drain, in ms. */
const expectedDeathTtlMs = 60_000;

/**
 * Gives the next generation of a replica to a worker that is about to start. It counts once that worker takes
 * the replica's lease.
 */
export function nextGeneration(connection: Connection, replica: string): Promise<number> {
  return createRun(connection)(nextGenerationScript, { replica });
}

/** @returns the newest generation that has held the replica's lease; undefined if there was none. */
export async function currentGeneration(
  connection: Connection,
  replica: string,
): Promise<number | undefined> {
  const generation = await redisOf(connection).get(keysOf(connection).currentGeneration(replica));
  return generation === null ? undefined : Number(generation);
}

/**
 * Notes that ringpost or a shutdown ends the worker that serves a replica's queue, so that none of its
 * requests is taken for the cause.
 * @param generation the last one of the replica's own workers.
 * @param graceMs time in ms that the worker has for its drain.
 */
export async function expectDeath(
  connection: Connection,
  replica: string,
  generation: number,
  graceMs: number,
): Promise<void> {
  const key = keysOf(connection).pardoned(replica);
  await redisOf(connection).set(key, generation, 'PX', graceMs + expectedDeathTtlMs);
}
