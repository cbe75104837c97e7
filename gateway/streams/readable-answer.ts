import { asBuffer } from '#shared/contract/body.ts';
import type { Reply } from '#shared/contract/reply.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import type { RequestRecord, StreamRecord } from '#shared/contract/request-record.ts';
import type { KnownRequest, RequestRecords } from '#shared/store/records/request-records.ts';
import { eventEnd } from '#shared/store/streams/event-search.ts';
import { keptStreamOf } from '#shared/store/streams/kept-stream-reader.ts';
import type { KeptStreamReader } from '#shared/store/streams/kept-stream-reader.ts';
import type { Followers } from './followers.ts';
import { WholeAnswer } from './whole-answer.ts';

/** An answer that can be read from any offset on. */
export interface ReadableAnswer {
  readonly found: KnownRequest;
  /** Its head, and its length if it has ended. */
  readonly stream: StreamRecord;
  /** How many bytes there are. */
  readonly tail: number;
  readonly source: Pick<Followers, 'follow'>;
  /** Whether all its bytes are in memory, and counted, so that reading them needs no more room. */
  readonly isHeld: boolean;
  /**
   * @param lastId the id of an event; not empty.
   * @param wanted asked while it is sought.
   * @returns the offset behind the last event with this id; undefined if there is none, or it is not wanted
   * any more.
   */
  readonly behindEvent: (lastId: string, wanted: () => boolean) => Promise<number | undefined>;
}

export interface KeptStreamParts {
  readonly records: Pick<RequestRecords, 'find'>;
  readonly reader: KeptStreamReader;
  readonly followers: Followers;
}

/** @returns whether an answer is a kept stream, and not one that has ended without being complete. */
export function isReadable({ state, stream }: RequestRecord): boolean {
  return stream !== undefined && (stream.length !== undefined || !finalStates.has(state));
}

/**
 * @returns the kept stream that is the answer of a request; undefined if it is none that is readable, or it
 * is gone.
 */
export async function readableStream(
  request: KnownRequest,
  parts: KeptStreamParts,
): Promise<ReadableAnswer | undefined> {
  const first = await openStream(request, parts);
  if (first !== undefined || !isReadable(request.record)) return first;
  // Another worker may have taken it over, which renames it.
  const again = await parts.records.find(request.id);
  return again && openStream(again, parts);
}

async function openStream(
  found: KnownRequest,
  { reader, followers }: KeptStreamParts,
): Promise<ReadableAnswer | undefined> {
  const { stream } = found.record;
  const key = keptStreamOf(found);
  if (stream === undefined || key === undefined || !isReadable(found.record)) return undefined;
  const last = await reader.tail(key);
  if (last === undefined) return undefined;
  const { length, lastId: lastOfAll } = stream;
  return {
    found,
    stream,
    tail: length ?? last.end,
    source: followers,
    isHeld: false,
    behindEvent: async (lastId, wanted) =>
      length !== undefined && lastId === lastOfAll ? length : reader.offsetOfEvent(key, lastId, wanted),
  };
}

/** @returns an answer that was kept whole, as if it were a stream that has ended. */
export function readableWhole(found: KnownRequest, kept: Reply, bytes: Uint8Array): ReadableAnswer {
  const { status, reason, headers } = kept;
  const body = asBuffer(bytes);
  const { length } = body;
  const start = { end: 0, bytes: Buffer.alloc(0), lastId: '' };
  return {
    found,
    stream: { fence: 0, status, ...(reason === undefined ? {} : { reason }), headers, length },
    tail: length,
    source: new WholeAnswer(body),
    isHeld: true,
    behindEvent: (lastId) =>
      Promise.resolve(eventEnd(start, [{ end: length, bytes: body, lastId: undefined }], lastId)),
  };
}
