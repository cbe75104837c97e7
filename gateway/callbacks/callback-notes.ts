import type { Redis } from 'ioredis';
import { replicaOf } from '#shared/contract/request-id.ts';
import type { CallbackState } from '#shared/contract/request-record.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { scriptsOn } from '#shared/store/scripts/load.ts';

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
  const channel = keys.requestChanges(id);
  await scriptsOn(redis)('note-callback', ...keysOf(keys, id), channel, ...fields);
}

/**
 * Keeps what is known of a request for so much longer, in ms, since its callback is put off: the callback tells it. The
 * next note of how it goes with the callback ends that.
 */
export async function holdForCallback(redis: Redis, keys: Keys, id: string, ms: number): Promise<void> {
  await scriptsOn(redis)('hold-record', ...keysOf(keys, id), ms);
}

function keysOf(keys: Keys, id: string): [record: string, reply: string] {
  const replica = replicaOf(id) ?? '';
  return [keys.request(replica, id), keys.keptReply(replica, id)];
}
