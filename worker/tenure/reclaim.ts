import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { decideOnHeld } from '#shared/contract/redelivery.ts';
import { noteCrash, readCrash } from '#shared/store/crash-notes.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { noteRequest } from '#shared/store/request-notes.ts';
import type { GarbledJobs } from '../queue/garbled-jobs.ts';
import { openQueue, readJob } from '#shared/store/open-queue.ts';
import type { ReplyOutbox } from '../reply/reply-outbox.ts';
import {
  absolve,
  beginSuspect,
  convicted,
  endSuspect,
  noteLoss,
  suspectsOf,
} from '#shared/store/suspect-notes.ts';
import type { NotedLoss } from '#shared/store/suspect-notes.ts';
import { startCountField as timesBegun } from '#shared/store/scripts/lines.ts';
import type { Turns } from '../run/turns.ts';

/** BullMQ's own word for "whoever holds the lock": the holder is certainly dead. */
export const anyToken = '0';

export interface ReclaimOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly replica: string;
  readonly outbox: ReplyOutbox;
  readonly garbled: GarbledJobs;
  readonly turns: Turns;
  readonly log: Logger;
}

/** A death of the worker that held the jobs. */
export interface Death {
  /** Unlike that of any other death of this replica's workers: the fence of the worker that reclaims. */
  readonly name: string;
  /** The generation that died. */
  readonly generation: number;
  /** Whether ringpost or a shutdown ended it; then it counts as nobody's loss. */
  readonly pardoned: boolean;
}

/** What became of reclaimed jobs: how many run again, how many are suspects, and how many ended. */
export interface Reclaimed {
  again: number;
  suspects: number;
  unknown: number;
  /** Suspects that are never run again, with their losses. */
  readonly convicted: NotedLoss[];
  /** Ids of the requests that the dead worker was running, or may have been. */
  readonly ran: string[];
}

/** Ids that are kept of what a crashed worker was running. */
const maxNamed = 100;

/** @returns the ids of all active jobs of a replica; before a worker takes its first job, none of them is its own. */
export function activeJobs({ redis, keys, replica }: ReclaimOptions): Promise<string[]> {
  return redis.lrange(keys.unfinished(replica).active, 0, -1);
}

/**
 * Takes back the jobs that a dead generation held. A job that was not begun goes to the head of the queue. A job that was
 * begun and may run again becomes a suspect, or is convicted; the client of any other learns that its outcome is unknown.
 *
 * To be called with the replica's lease in hand: what an older generation still does with these jobs is ignored.
 * @param held the ids of the jobs, newest first as BullMQ lists them, so that the oldest comes to the very head.
 * @param death of the worker that held them; undefined if no worker died, and nobody runs the jobs for another reason.
 */
export async function reclaim(
  options: ReclaimOptions,
  held: readonly string[],
  death?: Death,
): Promise<Reclaimed> {
  const { redis, keys, replica, log } = options;
  const reclaimed: Reclaimed = { again: 0, suspects: 0, unknown: 0, convicted: [], ran: [] };
  if (held.length === 0) return reclaimed;
  const queue = openQueue(redis, keys, replica);
  try {
    const suspects = await suspectsOf(redis, keys, replica);
    const why = death === undefined ? '' : await reasonOf(options, death);
    for (const [at, id] of held.entries()) {
      const job = await readJob(queue, id);
      const place = { order: held.length - at, suspect: suspects.has(id) };
      if (job === undefined) await redis.lrem(keys.unfinished(replica).active, 0, id);
      else if (job === 'garbled') {
        await options.garbled.end(id);
        reclaimed.unknown += 1;
      } else await reclaimOne(options, job, id, place, death, why, reclaimed);
    }
  } finally {
    await queue.close();
  }
  const { convicted: convicts, ran, ...counts } = reclaimed;
  for (const { losses, alone } of convicts) if (alone) await absolve(redis, keys, replica, losses);
  if (death !== undefined && !death.pardoned && ran.length > 0) {
    await noteCrash(redis, keys, replica, { generation: death.generation, requests: ran.slice(0, maxNamed) });
  }
  log.warn({ ...counts, convicted: convicts.length }, 'reclaimed the jobs of a dead generation');
  return reclaimed;
}

async function reclaimOne(
  options: ReclaimOptions,
  job: Job<JobData>,
  id: string,
  { order, suspect }: { readonly order: number; readonly suspect: boolean },
  death: Death | undefined,
  why: string,
  reclaimed: Reclaimed,
): Promise<void> {
  const { redis, keys, replica } = options;
  const begun = await timesBegunOf(options, id, job);
  const again = decideOnHeld(job.data, begun) === 'again';
  if (begun > 0 && !suspect) reclaimed.ran.push(id);
  if (!again) {
    const detail = `Replica ${replica} died while it ran this request${why}; it is not known whether it was done.`;
    await endHeld(options, job, id, 'outcome_unknown', detail);
    reclaimed.unknown += 1;
    return;
  }
  const counts = death !== undefined && !death.pardoned;
  const loss =
    suspect || (counts && begun > 0)
      ? await noteLoss(redis, keys, replica, id, { death: death?.name ?? '', begun: order, counts })
      : undefined;
  if (suspect && loss !== undefined) reclaimed.ran.push(id);
  if (loss?.convicted) {
    const detail = `Replica ${replica} died ${loss.losses.length} times while it ran this request${why}; it is not run again.`;
    await convict(options, id, detail);
    reclaimed.convicted.push(loss);
    return;
  }
  // A suspect waits for the replica's own worker, which runs it apart from other requests.
  if (loss === undefined && !suspect) await job.moveToWait(anyToken);
  await noteRequest(redis, keys, replica, id, job.data, 'queued');
  if (loss === undefined && !suspect) reclaimed.again += 1;
  else reclaimed.suspects += 1;
}

/** Ends a suspect that is never run again. */
export async function convict(options: ReclaimOptions, id: string, detail: string): Promise<void> {
  const { redis, keys, replica } = options;
  const found = await beginSuspect(redis, keys, replica, id, convicted, true);
  const queue = openQueue(redis, keys, replica);
  try {
    const job = found === undefined ? undefined : await readJob(queue, id);
    if (job === 'garbled') await options.garbled.end(id);
    else if (job !== undefined) await endHeld(options, job, id, 'worker_died', detail);
    await endSuspect(redis, keys, replica, id);
  } finally {
    await queue.close();
  }
}

/** Ends a job of a dead worker with a problem. */
async function endHeld(
  { outbox, turns }: Pick<ReclaimOptions, 'outbox' | 'turns'>,
  job: Job<JobData>,
  id: string,
  code: 'outcome_unknown' | 'worker_died',
  detail: string,
): Promise<void> {
  await outbox.push(id, job.data, problemReply(code, detail));
  await job.moveToFailed(new Error(code), anyToken, false);
  turns.leave(id, job.data);
}

/** @returns how often a job was begun. */
async function timesBegunOf(
  { redis, keys, replica }: ReclaimOptions,
  id: string,
  job: Job<JobData>,
): Promise<number> {
  return job.data.order === undefined
    ? job.attemptsStarted
    : Number(await redis.hget(keys.job(replica, id), timesBegun));
}

/** @returns why the worker died, in brackets, if that is known. */
async function reasonOf({ redis, keys, replica }: ReclaimOptions, death: Death): Promise<string> {
  const crash = await readCrash(redis, keys, replica);
  return crash?.generation === death.generation && crash.reason !== undefined ? ` (${crash.reason})` : '';
}
