import { isInLine } from '#shared/contract/job-lines.ts';
import type { JobData } from '#shared/contract/job.ts';
import { isRepeatable } from '#shared/contract/redelivery.ts';

/**
 * @returns whether the worker notes that it begins a job. One that runs in turn has a count of its starts in
 * Redis, which says more.
 */
export function isNoted(job: JobData): boolean {
  return !isRepeatable(job) && !isInLine(job);
}
