import type { Redis } from 'ioredis';
import type { JobData } from './contract/job.ts';
import { recordTtlMs } from './contract/request-record.ts';
import type { RequestState } from './contract/request-record.ts';
import type { Keys } from './keys.ts';
import { clockOf } from './redis-clock.ts';
import { scriptsOn } from './scripts/load.ts';

/**
 * Notes in a request's record what has become of it, and tells those who watch it. Does nothing where there is no
 * record, and where the request has come to its end before.
 * @param fields names and values in turn.
 * @returns false where the request has come to its end before.
 */
export async function noteRequest(
  redis: Redis,
  keys: Keys,
  replica: string,
  id: string,
  { keepMs, deadline, caller }: Pick<JobData, 'keepMs' | 'deadline' | 'caller'>,
  state: RequestState,
  fields: readonly (string | number)[] = [],
): Promise<boolean> {
  if (keepMs === undefined) return true;
  const ttlMs = Math.max(0, deadline - clockOf(redis).now()) + recordTtlMs(keepMs);
  const noted = await scriptsOn(redis)(
    'note-request',
    keys.request(replica, id),
    state,
    ttlMs,
    keys.requestChanges(id),
    ...fields,
    // Each note has it: a record that Redis has lost is made anew, and is still for its caller alone.
    ...(caller === undefined ? [] : ['caller', caller]),
  );
  return noted === 1;
}
