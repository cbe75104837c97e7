import { createRequire } from 'node:module';
import type { Redis } from 'ioredis';
import { Batches } from '#shared/store/redis/batches.ts';
import { jobName } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { withBullMq } from '#shared/store/scripts/compose.ts';
import { defineScript } from '#shared/store/scripts/load.ts';
import type { HalfAdded } from './half-added.ts';

/** Of every job: it is gone when it is finished. */
export const jobOptions = { removeOnComplete: true, removeOnFail: true, attempts: 0 } as const;

/** The script puts the id of each job to its end. */
const optionsJson = JSON.stringify(jobOptions).slice(0, -1);
const mostJobs = 256;

/** Adds a job that is to be run at once; those that come together to one replica in one call. */
export type AddNow = (replica: string, id: string, job: JobData) => Promise<void>;

interface Added {
  readonly id: string;
  /** JSON. */
  readonly data: string;
  readonly deliverable: boolean;
  readonly safe: boolean;
}

/**
 * Whether a job may go straight into a consumer's hands. Of one that a worker was given in the moment of its death nobody
 * knows whether it was begun: only what may be begun again, and as often as it takes, is given so. Any other waits until
 * it is taken.
 */
function isDeliverable({ redelivery, attempts }: JobData): boolean {
  return redelivery === 'safe' && attempts === undefined;
}

/**
 * @param redis a fail-fast connection that others may share.
 * @returns undefined with a version of BullMQ whose own queue has to add jobs one by one.
 */
export function createJobBatches(
  redis: Redis,
  keys: Keys,
  halfAdded: HalfAdded,
  log: Logger,
): AddNow | undefined {
  const load = createRequire(import.meta.url);
  const script = withBullMq('add-jobs', [['addStandardJob', 9]], [], load);
  if ('fault' in script) {
    log.warn({ reason: script.fault }, 'jobs are added one by one');
    return undefined;
  }
  const run = defineScript(redis, 12, script.lua);
  const clock = clockOf(redis);
  const addOnce = async (replica: string, jobs: readonly Added[]): Promise<void> => {
    const prefix = `${keys.replica(replica)}:`;
    const serving = [keys.lease(replica), keys.leaseFence(replica), keys.consumer(replica)];
    const touched = [...keys.addStandardJob(replica), ...serving];
    const first = jobs.filter(({ deliverable }) => deliverable);
    const others = first.length === jobs.length ? [] : jobs.filter(({ deliverable }) => !deliverable);
    const each = [...first, ...others].flatMap(({ id, data }) => [id, data]);
    await run(...touched, prefix, jobName, clock.now(), optionsJson, first.length, ...each);
  };
  const batches = new Batches<Added>(mostJobs, (replica, jobs) =>
    halfAdded.adding(replica, jobs, (some) => addOnce(replica, some)),
  );
  return (replica, id, job) => {
    const safe = job.redelivery === 'safe';
    return batches.add(replica, { id, data: JSON.stringify(job), deliverable: isDeliverable(job), safe });
  };
}
