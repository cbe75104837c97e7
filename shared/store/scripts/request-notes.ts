import type { Fenced } from '../../contract/fenced.ts';
import type { ReplyFrame } from '../../contract/reply.ts';
import type { RequestState } from '../../contract/request-record.ts';
import { script } from './script.ts';
import type { ScriptArgument } from './script.ts';

/** What came of a note: it was made, or nothing was, because the request had ended or is to be cancelled. */
export type Noted = 'noted' | 'ended' | 'cancelled';

export interface NoteRequest {
  readonly replica: string;
  readonly id: string;
  readonly state: RequestState;
  /** How long the record lives at least, in ms. */
  readonly ttlMs: number;
  /** Alternating names and values of the record's fields. */
  readonly fields: readonly ScriptArgument[];
}

/** Notes in a request's record what became of it, and tells its watchers. */
export const noteRequest = script<NoteRequest, Noted>({
  file: 'note-request',
  keys: (keys, { replica, id }) => [keys.request(replica, id)],
  args: ({ id, state, ttlMs, fields }, keys) => [state, ttlMs, keys.requestChanges(id), ...fields],
  decode(reply) {
    if (reply === 1) return 'noted';
    return reply === 0 ? 'ended' : 'cancelled';
  },
});

/** What came of the end of a request. Only `settled` has changed its record. */
export type Settled = 'settled' | 'endedBefore' | 'superseded' | 'draftLost';

export interface SettleRequest {
  readonly lease: Fenced;
  readonly id: string;
  readonly replyTtlMs: number;
  readonly recordTtlMs: number;
  /** The frame of the reply; empty if it is in the draft. */
  readonly frame: ReplyFrame;
  readonly state: RequestState;
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
  ],
  args: ({ lease, id, replyTtlMs, recordTtlMs, frame, state, fields }, keys) => [
    lease.fence,
    replyTtlMs,
    recordTtlMs,
    keys.requestChanges(id),
    frame,
    state,
    ...fields,
  ],
  decode(reply) {
    if (reply === 1) return 'settled';
    if (reply === 0) return 'endedBefore';
    return reply === -2 ? 'draftLost' : 'superseded';
  },
});
