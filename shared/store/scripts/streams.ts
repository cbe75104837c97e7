import type { Fenced } from '../../contract/fenced.ts';
import type { ReplyFrame } from '../../contract/reply.ts';
import { streamedField } from './lines.ts';
import { script } from './script.ts';

/** The head of a stream. */
export interface StreamHead {
  readonly id: string;
  readonly frame: ReplyFrame;
}

/** The end of a stream, or its abort. */
export interface StreamEnd {
  readonly id: string;
  /** Undefined if no gateway gets one: those who read a kept stream see its end in its record. */
  readonly frame: ReplyFrame | undefined;
}

interface ToInbox {
  readonly lease: Fenced;
  readonly gateway: string;
  readonly ttlMs: number;
}

/**
 * Sends heads, and moves their jobs from the active ones to the streams. Its result is false if another
 * worker has taken the lease; then nothing was done.
 */
export const openStreams = script<ToInbox & { readonly heads: readonly StreamHead[] }, boolean>({
  file: 'open-streams',
  keys: (keys, { lease: { replica }, gateway }) => [
    keys.unfinished(replica).active,
    keys.streams(replica),
    keys.leaseFence(replica),
    keys.inbox(replica, gateway),
  ],
  args: ({ lease, ttlMs, heads }) => [lease.fence, ttlMs, ...heads.flatMap(({ id, frame }) => [id, frame])],
  decode: (reply) => reply === 1,
});

/**
 * Sends ends and aborts, and finishes their jobs. Its result is false if another worker has taken the lease;
 * then nothing was done.
 */
export const endStreams = script<ToInbox & { readonly ends: readonly StreamEnd[] }, boolean>({
  file: 'end-streams',
  keys: (keys, { lease: { replica }, gateway }) => [
    keys.streams(replica),
    keys.unfinished(replica).active,
    keys.leaseFence(replica),
    keys.inbox(replica, gateway),
    keys.bullMq(keys.queue(replica), 'events'),
    keys.eventReaders(replica),
  ],
  args: ({ lease, ttlMs, ends }, keys) => [
    lease.fence,
    keys.bullMq(keys.queue(lease.replica), ''),
    ttlMs,
    ...ends.flatMap(({ id, frame = '' }) => [id, frame]),
  ],
  decode: (reply) => reply === 1,
});

/** What became of a stream that is to run again. */
export type Suspended = 'suspended' | 'gone' | 'superseded';

/**
 * Makes the job of a stream active again. Its result is `gone` if there is no such job, and `superseded` if
 * another worker has taken the lease; then nothing was done.
 */
export const suspendStream = script<{ readonly lease: Fenced; readonly id: string }, Suspended>({
  file: 'suspend-stream',
  keys: (keys, { lease: { replica }, id }) => [
    keys.job(replica, id),
    keys.streams(replica),
    keys.unfinished(replica).active,
    keys.leaseFence(replica),
  ],
  args: ({ lease, id }) => [lease.fence, id, streamedField],
  decode: (reply) => (reply === 1 ? 'suspended' : reply === 0 ? 'gone' : 'superseded'),
});
