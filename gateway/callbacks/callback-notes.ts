import type { Redis } from 'ioredis';
import { replicaOf } from '#shared/contract/request-id.ts';
import type { CallbackState } from '#shared/contract/request-record.ts';
import type { Keys } from '#shared/keys.ts';
import { scriptsOn } from '#shared/scripts/load.ts';

/**
 * Notes in a request's record how it goes with its callback, if the request is still known.
 * @param attempts how often it was sent.
 * @param answer of the last attempt: a status, or the code of an error.
 */
export async function noteCallback(
  redis: Redis,
  keys: Keys,
  id: string,
  state: CallbackState,
  attempts: number,
  answer?: string,
): Promise<void> {
  const fields = ['callback', state, 'callbackAttempts', attempts];
  if (answer !== undefined) fields.push('callbackAnswer', answer);
  const record = keys.request(replicaOf(id) ?? '', id);
  await scriptsOn(redis)('note-callback', record, keys.requestChanges(id), ...fields);
}
