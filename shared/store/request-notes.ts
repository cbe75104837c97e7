import type { Redis } from 'ioredis';
import type { JobData } from '../contract/job.ts';
import { recordTtlMs } from '../contract/request-record.ts';
import type { RequestState } from '../contract/request-record.ts';
import type { Keys } from './keys/keys.ts';
import { clockOf } from './redis/redis-clock.ts';
import { scriptsOn } from './scripts/load.ts';

/** What came of a note: it was made; the request has come to its end before; it is to be cancelled. */
export type Noted = 'noted' | 'ended' | 'cancelled';

/**
 * Notes in a request's record what has become of it, and tells those who watch it. Does nothing where there is no
 * record, and where the request has come to its end before.
 * @param state a request that is to be cancelled becomes neither `queued` nor `running` any more.
 * @param fields names and values in turn.
 */
export async function noteRequest(
  redis: Redis,
  keys: Keys,
  replica: string,
  id: string,
  { keepMs, deadline, caller }: Pick<JobData, 'keepMs' | 'deadline' | 'caller'>,
  state: RequestState,
  fields: readonly (string | number)[] = [],
): Promise<Noted> {
  if (keepMs === undefined) return 'noted';
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
  if (noted === 1) return 'noted';
  return noted === 0 ? 'ended' : 'cancelled';
}
