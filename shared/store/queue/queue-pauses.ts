import type { Queue } from 'bullmq';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { partsOf } from '../redis/many-texts.ts';
import { findPaused, metaOf } from '../scripts/pauses.ts';
import { createRun } from '../scripts/script.ts';

/**
 * Pauses are BullMQ's own: a field of the queue's hash `meta`. So any program may pause a queue, the scripts
 * that add and take jobs see it at once, and it outlives workers, gateways and controllers (ADR 0055).
 */

/** @returns whether no job of a replica's queue is to be started. */
export async function isPaused(connection: Connection, replica: string): Promise<boolean> {
  return (await redisOf(connection).hexists(metaOf(keysOf(connection), replica), 'paused')) === 1;
}

/** @returns those of the replicas whose queues are paused: one round trip, one call for 256 of them. */
export async function pausedAmong(
  connection: Connection,
  replicas: readonly string[],
): Promise<ReadonlySet<string>> {
  const run = createRun(connection);
  const paused = Array.from(partsOf(replicas), (part) => run(findPaused, { replicas: part }));
  return new Set((await Promise.all(paused)).flat());
}

/** Lets no further job of a replica's queue start. What runs goes on. */
export function pauseQueue(connection: Connection, replica: string): Promise<void> {
  return withQueue(connection, replica, (queue) => queue.pause());
}

/** Lets the jobs of a replica's queue start again. */
export function resumeQueue(connection: Connection, replica: string): Promise<void> {
  return withQueue(connection, replica, (queue) => queue.resume());
}

async function withQueue(
  connection: Connection,
  replica: string,
  act: (queue: Queue) => Promise<void>,
): Promise<void> {
  // Workers read pauses too, but only gateways write them. They have loaded BullMQ already.
  const { Queue } = await import('bullmq');
  const queue = new Queue(keysOf(connection).queue(replica), {
    connection: redisOf(connection),
    prefix: keysOf(connection).prefix,
    skipMetasUpdate: true,
    skipVersionCheck: true,
    skipWaitingForReady: true,
  });
  // What fails is what the caller asked for, which rejects.
  queue.on('error', () => undefined);
  try {
    await act(queue);
  } finally {
    // The connection stays open.
    await queue.close();
  }
}
