import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { decideOnHeld } from '#shared/contract/redelivery.ts';
import type { Keys } from '#shared/keys.ts';
import type { Logger } from '#shared/logger.ts';
import { noteRequest } from '#shared/request-notes.ts';
import { readJob } from './garbled-jobs.ts';
import type { GarbledJobs } from './garbled-jobs.ts';
import { openQueue } from './open-queue.ts';
import { timesBegun } from './turns.ts';
import type { Turns } from './turns.ts';
import type { ReplyOutbox } from './reply-outbox.ts';

/** BullMQ's own word for "whoever holds the lock": the holder is certainly dead. */
const anyToken = '0';

/** @returns how often a job was begun. */
async function begun(
  { redis, keys, replica }: ReclaimOptions,
  id: string,
  job: Job<JobData>,
): Promise<number> {
  return job.data.order === undefined
    ? job.attemptsStarted
    : Number(await redis.hget(keys.job(replica, id), timesBegun));
}

export interface ReclaimOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly replica: string;
  readonly outbox: ReplyOutbox;
  readonly garbled: GarbledJobs;
  readonly turns: Turns;
  readonly log: Logger;
}

/** @returns the ids of all active jobs of a replica; before a worker takes its first job, none of them is its own. */
export function activeJobs({ redis, keys, replica }: ReclaimOptions): Promise<string[]> {
  return redis.lrange(keys.unfinished(replica).active, 0, -1);
}

/**
 * Takes back the jobs that a dead generation held. Those that may run again go to the head of the queue; the client
 * of any other is told that its outcome is unknown.
 *
 * To be called with the replica's lease in hand: what an older generation still does with these jobs is ignored.
 * @param held the ids of the jobs, newest first as BullMQ lists them, so that the oldest comes to the very head.
 * @returns how many jobs run again and how many do not.
 */
export async function reclaim(
  options: ReclaimOptions,
  held: readonly string[],
): Promise<{ again: number; unknown: number }> {
  const { redis, keys, replica, outbox, turns, log } = options;
  const { active } = keys.unfinished(replica);
  const counts = { again: 0, unknown: 0 };
  if (held.length === 0) return counts;
  const queue = openQueue(redis, keys, replica);
  try {
    for (const id of held) {
      const job = await readJob(queue, id);
      if (job === undefined) {
        await redis.lrem(active, 0, id);
      } else if (job === 'garbled') {
        await options.garbled.end(id);
        counts.unknown += 1;
      } else if (decideOnHeld(job.data, await begun(options, id, job)) === 'again') {
        await job.moveToWait(anyToken);
        await noteRequest(redis, keys, replica, id, job.data, 'queued');
        counts.again += 1;
      } else {
        const detail = `Replica ${replica} died while it ran this request; it is not known whether it was done.`;
        await outbox.push(id, job.data, problemReply('outcome_unknown', detail));
        await job.moveToFailed(new Error('outcome_unknown'), anyToken, false);
        turns.leave(id, job.data);
        counts.unknown += 1;
      }
    }
  } finally {
    await queue.close();
  }
  log.warn(counts, 'reclaimed the jobs of a dead generation');
  return counts;
}
