import type { Fenced } from '../../contract/fenced.ts';
import { script } from './script.ts';
import type { ScriptArgument } from './script.ts';

/**
 * What came of opening a kept stream: it is `opened`; the request had `ended`; another worker has taken the
 * lease; or Redis has lost the record or the stream.
 */
export type KeptStreamOpened = 'opened' | 'ended' | 'superseded' | 'lost';

export interface OpenKeptStream {
  readonly lease: Fenced;
  readonly id: string;
  readonly streamTtlMs: number;
  readonly recordTtlMs: number;
  /** Alternating names and values of the record's fields, as `streamFields` makes them. */
  readonly fields: readonly ScriptArgument[];
}

/** Notes that the answer of a request is a kept stream, and moves the request to the running streams. */
export const openKeptStream = script<OpenKeptStream, KeptStreamOpened>({
  file: 'open-kept-stream',
  keys: (keys, { lease: { replica, fence }, id }) => [
    keys.request(replica, id),
    keys.keptStream(replica, id, fence),
    keys.unfinished(replica).active,
    keys.streams(replica),
    keys.leaseFence(replica),
  ],
  args: ({ lease, id, streamTtlMs, recordTtlMs, fields }, keys) => [
    lease.fence,
    id,
    streamTtlMs,
    recordTtlMs,
    keys.requestChanges(id),
    ...fields,
  ],
  decode: (reply) => (reply === 1 ? 'opened' : refusal(reply)),
});

/** Where a kept stream ends that was taken over. */
export interface StreamTail {
  /** The id of its last entry. */
  readonly lastEntry: string;
  /** How many entries it has, the first one included, which has no bytes. */
  readonly entries: number;
  /** Alternating names and values of the last entry. */
  readonly fields: readonly string[];
}

export interface TakeOverStream {
  readonly lease: Fenced;
  readonly id: string;
  /** The fence of the worker that has begun the stream, as the record has it. */
  readonly from: number;
  readonly streamTtlMs: number;
}

/** Makes a kept stream that another worker has begun that of this one. */
export const takeOverStream = script<TakeOverStream, StreamTail | Exclude<KeptStreamOpened, 'opened'>>({
  file: 'take-over-stream',
  keys: (keys, { lease: { replica, fence }, id, from }) => [
    keys.request(replica, id),
    keys.keptStream(replica, id, from),
    keys.keptStream(replica, id, fence),
    keys.leaseFence(replica),
  ],
  args: ({ lease, id, from, streamTtlMs }, keys) => [lease.fence, from, streamTtlMs, keys.requestChanges(id)],
  decode(reply) {
    if (!Array.isArray(reply)) return refusal(reply);
    const [lastEntry, entries, fields] = reply as [string, number, string[]];
    return { lastEntry, entries, fields };
  },
});

function refusal(reply: unknown): Exclude<KeptStreamOpened, 'opened'> {
  if (reply === 0) return 'ended';
  return reply === -1 ? 'superseded' : 'lost';
}
