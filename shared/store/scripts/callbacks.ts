import { formatEvent } from '../../contract/request-events.ts';
import { replicaOf, uuidOf } from '../../contract/request-id.ts';
import type { CallbackState } from '../../contract/request-record.ts';
import { isTexts } from '../../contract/json-object.ts';
import { receiversPerCall } from '../../contract/callback.ts';
import type { ParkCall } from '../../contract/callback.ts';
import type { Keys } from '../keys/keys.ts';
import { script } from './script.ts';

export interface CallbackNote {
  /** Of the request. */
  readonly id: string;
  readonly state: CallbackState;
  /** How often the callback was sent. */
  readonly attempts: number;
  /** What the last attempt brought: a status, or the code of an error. */
  readonly answer?: string | undefined;
  /** Where it was sent, without secrets. */
  readonly receiver?: string | undefined;
}

/** Notes the state of a request's callback in its record, if there is one. Returns whether there is. */
export const noteCallback = script<CallbackNote, boolean>({
  file: 'note-callback',
  keys: (keys, { id }) => [...recordAndReply(keys, id), keys.requestIndexes(replicaOf(id) ?? '').callbacks],
  args: ({ id, state, attempts, answer, receiver }, keys) => [
    keys.requestChanges(id),
    attempts === 0 ? '' : formatEvent({ kind: 'callback', attempt: attempts, detail: `${state} ${answer}` }),
    uuidOf(id),
    keptStreams(keys, id),
    state,
    'callbackAttempts',
    attempts,
    ...(receiver === undefined ? [] : ['callbackTo', receiver]),
    ...(answer === undefined ? [] : ['callbackAnswer', answer]),
  ],
  decode: (reply) => reply === 1,
});

/**
 * Keeps the record and the answer of a request for `ttlMs` at least. Returns whether that made them last
 * longer.
 */
export const holdRecord = script<{ id: string; ttlMs: number }, boolean>({
  file: 'hold-record',
  keys: (keys, { id }) => recordAndReply(keys, id),
  args: ({ id, ttlMs }, keys) => [ttlMs, keptStreams(keys, id)],
  decode: (reply) => reply === 1,
});

function keptStreams(keys: Keys, id: string): string {
  return keys.keptStreamPrefix(replicaOf(id) ?? '', id);
}

function recordAndReply(keys: Keys, id: string): readonly string[] {
  const replica = replicaOf(id) ?? '';
  return [keys.request(replica, id), keys.keptReply(replica, id)];
}

/**
 * Notes callbacks that their gateway has delayed, and parks those among the next in the queue whose receivers
 * have no free slot. Returns the ids of the latter.
 */
export const parkCallbacks = script<ParkCall, readonly string[]>({
  file: 'park-callbacks',
  keys: (keys, { receivers }) => [
    keys.bullMq(keys.callbacks, 'wait'),
    keys.bullMq(keys.callbacks, 'delayed'),
    ...padded(receivers).map((receiver) => keys.parkedCallbacks(receiver)),
  ],
  args: ({ receivers, delayed, firstDue, spreadMs, setTtlMs, maxChecked }, keys) => [
    keys.bullMq(keys.callbacks, ''),
    firstDue,
    spreadMs,
    setTtlMs,
    maxChecked,
    ...padded(receivers),
    ...delayed.flatMap(({ receiver, id }) => [receiver, id]),
  ],
  decode: (reply) => (isTexts(reply) ? reply : []),
});

/** The script takes a fixed number of receivers; one may be given twice. */
function padded(receivers: ParkCall['receivers']): string[] {
  return Array.from({ length: receiversPerCall }, (_, at) => receivers[at] ?? receivers[0]);
}

/**
 * Moves up to `max` parked callbacks of a receiver back to the head of the queue. Returns how many are still
 * parked.
 */
export const unparkCallbacks = script<{ receiver: string; max: number }, number>({
  file: 'unpark-callbacks',
  keys: (keys, { receiver }) => [
    keys.parkedCallbacks(receiver),
    keys.bullMq(keys.callbacks, 'delayed'),
    keys.bullMq(keys.callbacks, 'wait'),
    keys.bullMq(keys.callbacks, 'marker'),
  ],
  args: ({ max }) => [max],
  decode: (reply) => {
    const left: unknown = Array.isArray(reply) ? reply[1] : 0;
    return Number(left);
  },
});
