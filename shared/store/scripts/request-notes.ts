import type { Fenced } from '../../contract/fenced.ts';
import type { ReplyFrame } from '../../contract/reply.ts';
import { formatEvent } from '../../contract/request-events.ts';
import type { NotedEvent } from '../../contract/request-events.ts';
import type { RequestState } from '../../contract/request-record.ts';
import type { Keys } from '../keys/keys.ts';
import { callbackEntry, keyEntry, timeEntry } from '../keys/index-entries.ts';
import type { IndexedRequest } from '../keys/index-entries.ts';
import { script } from './script.ts';
import type { ScriptArgument } from './script.ts';

/** What came of a note: it was made, or nothing was, because the request had ended or is to be cancelled. */
export type Noted = 'noted' | 'ended' | 'cancelled';

export interface NoteRequest {
  readonly replica: string;
  readonly id: string;
  /** Empty if it does not change. */
  readonly state: RequestState | '';
  /** How long the record lives at least, in ms. */
  readonly ttlMs: number;
  /** What the request's timeline says of it. */
  readonly event: NotedEvent;
  /** Alternating names and values of the record's fields. */
  readonly fields: readonly ScriptArgument[];
}

/** Notes in a request's record what became of it, and tells its watchers. */
export const noteRequest = script<NoteRequest, Noted>({
  file: 'note-request',
  keys: (keys, { replica, id }) => [keys.request(replica, id)],
  args: ({ id, state, ttlMs, event, fields }, keys) => [
    state,
    ttlMs,
    keys.requestChanges(id),
    formatEvent(event),
    ...fields,
  ],
  decode: decodeNoted,
});

/**
 * As {@link noteRequest}, for a worker. The result is `superseded` if another worker has taken the lease, so
 * that nothing was noted.
 */
export const noteAttempt = script<NoteRequest & { readonly lease: Fenced }, Noted | 'superseded'>({
  file: 'note-attempt',
  keys: (keys, { replica, id, lease }) => [keys.request(replica, id), keys.leaseFence(lease.replica)],
  args: ({ lease, ...note }, keys) => [lease.fence, ...noteRequest.args(note, keys)],
  decode: (reply) => (reply === -2 ? 'superseded' : decodeNoted(reply)),
});

function decodeNoted(reply: unknown): Noted {
  if (reply === 1) return 'noted';
  return reply === 0 ? 'ended' : 'cancelled';
}

export interface AcceptRequest extends Omit<NoteRequest, 'event'> {
  readonly event: NotedEvent | undefined;
  readonly indexed: IndexedRequest;
  /** How many requests the index of the replica may have. */
  readonly maxIndexed: number;
}

/** Writes the first note of a request's record, and adds the request to the indexes. */
export const acceptRequest = script<AcceptRequest, Noted>({
  file: 'accept-request',
  keys: (keys, { replica, id }) => [keys.request(replica, id), ...indexKeys(keys, replica)],
  args: ({ id, state, ttlMs, event, indexed, maxIndexed, fields }, keys) => [
    state,
    ttlMs,
    keys.requestChanges(id),
    event === undefined ? '' : formatEvent(event),
    timeEntry(indexed),
    indexed.digest === undefined ? '' : keyEntry(indexed.digest, indexed),
    indexed.callback ? callbackEntry('pending', indexed) : '',
    maxIndexed,
    ...fields,
  ],
  decode: decodeNoted,
});

/** Removes requests whose records are gone from the indexes of a replica. */
export const removeIndexed = script<{ replica: string; requests: readonly IndexedRequest[] }, void>({
  file: 'remove-indexed',
  keys: (keys, { replica }) => indexKeys(keys, replica),
  args: ({ requests }) => requests.map(timeEntry),
  decode: () => undefined,
});

function indexKeys(keys: Keys, replica: string): readonly string[] {
  const { byTime, byKey, callbacks } = keys.requestIndexes(replica);
  return [byTime, byKey, callbacks];
}

/** What came of the end of a request. Only `settled` has changed its record. */
export type Settled = 'settled' | 'endedBefore' | 'superseded' | 'draftLost' | 'streamLost';

export interface SettleRequest {
  readonly lease: Fenced;
  readonly id: string;
  readonly replyTtlMs: number;
  readonly recordTtlMs: number;
  /** The frame of the reply; empty if it is in the draft, or is the kept stream. */
  readonly frame: ReplyFrame;
  /** The last entry of the kept stream, and how many it has; undefined if the reply is not that. */
  readonly stream: { readonly lastEntry: string; readonly entries: number } | undefined;
  readonly state: RequestState;
  /** What the request's timeline says of it. */
  readonly event: NotedEvent;
  /** Alternating names and values of the record's fields. */
  readonly fields: readonly ScriptArgument[];
}

/** Ends a request: keeps its reply, notes the end in its record, and tells its watchers. */
export const settleRequest = script<SettleRequest, Settled>({
  file: 'settle-request',
  keys: (keys, { lease: { replica, fence }, id }) => [
    keys.request(replica, id),
    keys.keptReply(replica, id),
    keys.leaseFence(replica),
    keys.replyDraft(replica, id, fence),
    keys.keptStream(replica, id, fence),
  ],
  args: ({ lease, id, replyTtlMs, recordTtlMs, frame, stream, state, event, fields }, keys) => [
    lease.fence,
    replyTtlMs,
    recordTtlMs,
    keys.requestChanges(id),
    frame,
    state,
    formatEvent(event),
    stream?.lastEntry ?? '',
    stream?.entries ?? 0,
    ...fields,
  ],
  decode(reply) {
    if (reply === 1) return 'settled';
    if (reply === 0) return 'endedBefore';
    if (reply === -3) return 'streamLost';
    return reply === -2 ? 'draftLost' : 'superseded';
  },
});
