import type { KnownRequest, RequestRecords } from '#shared/store/records/request-records.ts';
import type { JobQueues } from '#shared/store/queue/job-queues.ts';

export interface AcceptedSources {
  readonly records: Pick<RequestRecords, 'find'>;
  readonly queues: Pick<JobQueues, 'missing'>;
}

/**
 * Finds an async request that was accepted: its job waits, wherever it was moved to, or was started.
 * @returns undefined if nothing is known of the request, or if it waits and has no job: its gateway writes
 * the record first, and may have died before it added the job.
 */
export async function findAccepted(
  { records, queues }: AcceptedSources,
  id: string,
): Promise<KnownRequest | undefined> {
  const found = await records.find(id);
  if (found === undefined || found.record.state !== 'queued' || found.record.started !== undefined)
    return found;
  const missing = await queues.missing(found.replica, [id]);
  return missing.length === 0 ? found : undefined;
}
