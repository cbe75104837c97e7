import type { JobData } from '#shared/contract/job.ts';
import { isRepeatable } from '#shared/contract/redelivery.ts';
import type { Redelivery } from '#shared/contract/redelivery.ts';
import type { Reselection } from '#shared/contract/retry-notice.ts';
import type { Directives } from '../request/directives.ts';

/** What decides whether and how the replica of a further attempt is selected. */
interface Retried extends Reselection {
  readonly redelivery: Redelivery;
}

const stays = {};

/** Each gateway remembers the keys of thousands of retries, and a key may be as long as the head. */
const maxKeyLength = 1024;

/**
 * @param defaultMaxAttempts how often a request may run that does not say so.
 * @returns the part of a job that has the replica of each further attempt selected anew. A job that has one
 * attempt lacks it, and so does one in order, which keeps its place in line, or with a very long key.
 */
export function reselectionTerms(
  { key, affinity, redelivery }: Retried,
  { maxAttempts, ordered }: Directives,
  defaultMaxAttempts: number | undefined,
): Pick<JobData, 'reselect'> {
  const attempts = maxAttempts ?? defaultMaxAttempts ?? 1;
  return attempts > 1 && ordered !== true && key.length <= maxKeyLength && isRepeatable({ redelivery })
    ? { reselect: { key, affinity } }
    : stays;
}

/** @returns the job of a request that stays with its replica, since it may have killed a worker. */
export function withoutReselection(job: JobData): JobData {
  const { reselect: _, ...rest } = job;
  return rest;
}
