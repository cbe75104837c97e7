import { headerValue, stripHopByHop } from '#shared/contract/headers.ts';
import { isEventStreamType } from '#shared/contract/media-type.ts';
import type { StreamRecord } from '#shared/contract/request-record.ts';
import { malformed } from './query-parameters.ts';

/** What a client wants to have of a kept stream. */
export type WantedPart =
  | { readonly kind: 'all' }
  /** `Ringpost-Offset` */
  | { readonly kind: 'from'; readonly offset: number }
  /** `Range`: with `last`, the offset of the last byte; `live` if it wants those to come too (RFC 8673). */
  | { readonly kind: 'range'; readonly first: number; readonly last?: number; readonly live: boolean }
  /** `Last-Event-ID` */
  | { readonly kind: 'behindEvent'; readonly lastId: string };

/** The fields of a request that say it. */
export interface WantedFields {
  readonly offset: string | undefined;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly lastEventId: string | undefined;
}

/** How a request for a kept stream is answered. */
export interface StreamAnswer {
  readonly status: number;
  /** Undefined if the status is not that of the stream. */
  readonly reason?: string;
  /** Alternating names and values. */
  readonly headers: readonly string[];
  /** Which bytes follow: all from an offset on, until one if that is given. Undefined if none follow. */
  readonly bytes?: { readonly from: number; readonly until?: number };
}

/** The end of a range that has no end yet (RFC 8673 2). */
const veryLarge = Number.MAX_SAFE_INTEGER;

const oneRange = /^bytes=(\d+)-(\d*)$/i;

/**
 * Ranges that this server does not know are ignored (RFC 9110 14.2), and so are those under a condition,
 * since a kept stream has no validator.
 * @throws {Problem} `request_malformed` for a `Ringpost-Offset` that is none.
 */
export function wantedPartOf({ offset, range, ifRange, lastEventId }: WantedFields): WantedPart {
  if (offset !== undefined) {
    const bytes = /^\d{1,16}$/.test(offset) ? Number(offset) : Number.NaN;
    if (Number.isSafeInteger(bytes)) return { kind: 'from', offset: bytes };
    throw malformed(`Ringpost-Offset is ${JSON.stringify(offset)}; it must be a number of bytes.`);
  }
  const [, first, last = ''] = ifRange === undefined ? (oneRange.exec(range?.trim() ?? '') ?? []) : [];
  if (first !== undefined) {
    const [from, to] = [Math.min(Number(first), veryLarge), Number(last)];
    if (last === '') return { kind: 'range', first: from, live: false };
    if (to >= veryLarge) return { kind: 'range', first: from, live: true };
    if (to >= from) return { kind: 'range', first: from, last: to, live: false };
  }
  return lastEventId === undefined || lastEventId === ''
    ? { kind: 'all' }
    : { kind: 'behindEvent', lastId: lastEventId };
}

/** @returns the id behind whose event the client goes on; undefined if the stream has no events. */
export function eventWanted(part: WantedPart, { headers }: StreamRecord): string | undefined {
  const hasEvents = isEventStreamType(headerValue(headers, 'content-type'));
  return part.kind === 'behindEvent' && hasEvents ? part.lastId : undefined;
}

/**
 * Decides how a request for a kept stream is answered. Pure.
 * @param stream as its record has it. Without a length it still runs.
 * @param tail how many bytes there are.
 * @param behindEvent the offset behind the event that the client knows; undefined if it knows none, or none
 * that the stream has. Then it gets all.
 */
export function streamAnswerOf(
  part: WantedPart,
  stream: StreamRecord,
  tail: number,
  behindEvent?: number,
): StreamAnswer {
  const { length } = stream;
  const end = length ?? tail;
  switch (part.kind) {
    case 'all':
      return own(stream, 0);
    case 'from': {
      const { offset } = part;
      return offset > end ? unsatisfiable(length) : own(stream, offset, true);
    }
    case 'range':
      // A range is one of the answer to GET alone (RFC 9110 14.2).
      return stream.status === 200 ? rangeOf(part, stream, end) : own(stream, 0);
    case 'behindEvent':
      if (behindEvent === undefined) return own(stream, 0);
      // After any other answer an `EventSource` would ask again.
      return behindEvent === length ? { status: 204, headers: [] } : own(stream, behindEvent, true);
    default:
      return part satisfies never;
  }
}

/** The answer has the status and the fields of the stream, and its bytes from an offset on. */
function own(stream: StreamRecord, from: number, repeatsOffset = false): StreamAnswer {
  const { status, reason, length } = stream;
  return {
    status,
    ...(reason === undefined ? {} : { reason }),
    headers: [
      ...fieldsOf(stream),
      ...(repeatsOffset ? ['Ringpost-Offset', String(from)] : []),
      ...(length === undefined ? [] : ['Content-Length', String(length - from)]),
    ],
    bytes: { from },
  };
}

function rangeOf(
  { first, last, live }: Extract<WantedPart, { kind: 'range' }>,
  stream: StreamRecord,
  end: number,
): StreamAnswer {
  const { length } = stream;
  const fields = fieldsOf(stream);
  if (live && length === undefined) {
    if (first > end) return unsatisfiable(length);
    const range = ['Content-Range', `bytes ${first}-${veryLarge}/*`];
    return { status: 206, headers: [...fields, ...range], bytes: { from: first } };
  }
  if (first >= end) return unsatisfiable(length);
  const until = last === undefined ? end : Math.min(last + 1, end);
  const range = ['Content-Range', `bytes ${first}-${until - 1}/${length ?? '*'}`];
  return {
    status: 206,
    headers: [...fields, ...range, 'Content-Length', String(until - first)],
    bytes: { from: first, until },
  };
}

function unsatisfiable(length: number | undefined): StreamAnswer {
  const range = length === undefined ? [] : ['Content-Range', `bytes */${length}`];
  return { status: 416, headers: [...range, 'Content-Length', '0'] };
}

/** @returns the fields of the answer, without those that are about its transfer. */
function fieldsOf({ headers }: StreamRecord): string[] {
  return stripHopByHop(headers).filter(
    (_, at, all) => all[at - (at % 2)]?.toLowerCase() !== 'content-length',
  );
}
