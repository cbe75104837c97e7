import { script } from './script.ts';

interface RequestCall {
  readonly id: string;
  readonly replica: string;
}

/**
 * What a cancellation found: it has `ended` the request; the request is `running`, and the wish is noted; it
 * had `finished` before; or it is `unrecorded`, because it has no record.
 */
export type CancelOutcome = 'ended' | 'running' | 'finished' | 'unrecorded';

/** Cancels a request in its record. */
export const cancelRequest = script<RequestCall & { now: number }, CancelOutcome>({
  file: 'cancel-request',
  keys: (keys, { replica, id }) => [keys.request(replica, id)],
  args: ({ now, id }, keys) => [now, keys.requestChanges(id)],
  decode: (reply) => {
    if (reply === 1) return 'ended';
    if (reply === 2) return 'running';
    return reply === -1 ? 'unrecorded' : 'finished';
  },
});

/** Marks the job of a request without a record as cancelled. Returns whether the job is there. */
export const markCancelled = script<RequestCall, boolean>({
  file: 'mark-cancelled',
  keys: (keys, { replica, id }) => [keys.job(replica, id)],
  args: () => [],
  decode: (reply) => reply === 1,
});

/**
 * Ends a request that no worker has started. If it has no record it gets one, which lasts for `ttlMs`.
 * Returns whether it has not started, and never will.
 */
export const endUnstarted = script<RequestCall & { now: number; ttlMs: number; caller: string }, boolean>({
  file: 'end-unbegun',
  keys: (keys, { replica, id }) => [keys.request(replica, id)],
  args: ({ id, now, ttlMs, caller }, keys) => [
    now,
    ttlMs,
    keys.requestChanges(id),
    // The request may still be accepted until the TTL is over. When it arrived is not known.
    'accepted',
    now,
    'deadline',
    now + ttlMs,
    'caller',
    caller,
  ],
  decode: (reply) => reply === 1,
});
