import { isRepeatable } from '../../contract/redelivery.ts';
import { isInLine } from '../../contract/job-lines.ts';
import type { JobData } from '../../contract/job.ts';
import type { Logger } from '../../process/logger.ts';
import type { HalfAdded, HalfAddedJob } from './half-added.ts';
import { JobBodies } from './job-bodies.ts';
import { Batches } from '../redis/batches.ts';
import { UnsentError } from '../redis/command-fate.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import { createAddJobs, lacksBody } from '../scripts/add-jobs.ts';
import type { NewJob } from '../scripts/add-jobs.ts';
import type { LoadWord } from '../scripts/read-load.ts';

const maxJobsPerCall = 256;

/**
 * Adds a job that may run at once.
 * @param hasStoredBody whether its body is in a key of its own. The command for that was sent before on the
 * same connection; if Redis has refused it, the job is refused too.
 * @returns once the job is durable.
 */
export type AddNow = (replica: string, id: string, job: JobData, hasStoredBody: boolean) => Promise<void>;

/**
 * Called with what Redis tells of a replica's load each time jobs were added there, before their callers
 * learn that.
 * @param added how many jobs of this call the load counts.
 */
export type OnLoad = (replica: string, word: LoadWord, added: number) => void;

type BatchedJob = NewJob &
  HalfAddedJob & {
    /** Its body is not there, so it was not added. */
    isRefused?: boolean;
  };

/**
 * Whether a job may be delivered directly. If the worker dies right then, Redis cannot tell whether it began.
 * So one that must not be repeated is delivered only to a worker that notes what it begins. One with a limit
 * of attempts might lose an attempt. One that runs in turn may have to be put back.
 */
function isDeliverable(job: JobData): boolean | 'noted' {
  if (job.attempts !== undefined || isInLine(job)) return false;
  return isRepeatable(job) || 'noted';
}

/**
 * Groups jobs that are added at about the same time into one call per replica.
 * @param connection a fail-fast connection that others may share.
 * @returns undefined if the version of BullMQ is not the proven one: then its own queue has to add jobs.
 */
export function createJobBatches(
  connection: Connection,
  halfAdded: HalfAdded,
  log: Logger,
  onLoad: OnLoad = () => undefined,
): AddNow | undefined {
  const addJobs = createAddJobs(connection);
  if ('fault' in addJobs) {
    log.warn({ reason: addJobs.fault }, 'jobs are added one by one');
    return undefined;
  }
  const clock = clockOf(connection);
  const bodies = new JobBodies(connection, log);
  const addAll = async (replica: string, jobs: readonly BatchedJob[]): Promise<void> => {
    if (jobs.length === 0) return;
    try {
      onLoad(replica, await addJobs.run({ replica, jobs, now: clock.now() }), jobs.length);
    } catch (error) {
      // The script has added none. Whoever sends a body that Redis refuses must not hurt the others.
      const missing = lacksBody(error) ? await bodies.missing(replica, jobs).catch(() => []) : [];
      if (missing.length === 0) throw error;
      for (const job of missing) job.isRefused = true;
      await addAll(
        replica,
        jobs.filter((job) => job.isRefused !== true),
      );
    }
  };
  const batches = new Batches<BatchedJob>(maxJobsPerCall, (replica, jobs) =>
    halfAdded.adding(replica, jobs, (some) => addAll(replica, some)),
  );
  return (replica, id, job, hasStoredBody) => {
    const data = JSON.stringify(job);
    const repeatable = isRepeatable(job);
    const added: BatchedJob = { id, data, hasStoredBody, deliverable: isDeliverable(job), repeatable };
    const sent = batches.add(replica, added);
    if (!hasStoredBody) return sent;
    // This counts also if the call for the others has failed.
    return sent.finally(() => {
      if (added.isRefused === true) throw new UnsentError('the body of the job is not there');
    });
  };
}
