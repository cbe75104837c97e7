/**
 * The read side of the Durable Streams protocol: what a request asks, and the fields of its answer. Messages
 * in JSON arrays are not spoken: an answer is bytes.
 * @see https://github.com/durable-streams/durable-streams/blob/main/PROTOCOL.md
 */
import { headerValue } from '#shared/contract/headers.ts';
import { isTextType } from '#shared/contract/media-type.ts';
import { decodeOffset, encodeOffset } from '#shared/contract/stream-offset.ts';
import { malformed, oneOf, textOf } from './query-parameters.ts';
import type { Query } from './query-parameters.ts';

/** What a client asks. */
export interface DurableCall {
  /** In bytes; `now` is the present end. */
  readonly offset: number | 'now';
  /** How it waits for bytes to come; undefined if it does not. */
  readonly live?: 'long-poll' | 'sse';
  /** That of the answer before. */
  readonly cursor?: number;
}

/** A long poll waits for so long, in ms. */
export const longPollMs = 20_000;

/** Cursors count intervals of this length since {@link cursorEpoch}, in ms. */
const cursorIntervalMs = 20_000;
const cursorEpoch = Date.UTC(2024, 9, 9);
/** A cursor that is not older than the present interval is moved on by up to this time, in ms. */
const maxJitterMs = 3_600_000;

/** No page of another origin may embed these answers, and none may be taken for another type. */
const secureFields = { 'X-Content-Type-Options': 'nosniff', 'Cross-Origin-Resource-Policy': 'same-origin' };
const alwaysFields = ['Cache-Control', 'no-store', ...Object.entries(secureFields).flat()];

/** @returns whether a query is one of this protocol, if perhaps a faulty one. */
export function isDurable(query: Query): boolean {
  return query['offset'] !== undefined || query['live'] !== undefined;
}

/**
 * @returns undefined if the query is not one of this protocol.
 * @throws {Problem} `request_malformed`.
 */
export function durableCallOf(query: Query): DurableCall | undefined {
  const live = oneOf(query, 'live', ['long-poll', 'sse']);
  const text = textOf(query, 'offset');
  if (text === undefined) {
    if (live === undefined) return undefined;
    throw malformed(`live=${live} needs an offset.`);
  }
  const offset = decodeOffset(text);
  if (offset === undefined) throw malformed(`offset is ${JSON.stringify(text)}, which no answer has given.`);
  const cursor = cursorOf(query['cursor']);
  return {
    offset,
    ...(live === undefined ? {} : { live }),
    ...(cursor === undefined ? {} : { cursor }),
  };
}

/** A cursor that is none of ours is ignored. */
function cursorOf(value: unknown): number | undefined {
  const isCursor = typeof value === 'string' && /^\d{1,15}$/.test(value);
  return isCursor ? Number(value) : undefined;
}

/**
 * Cursors make the URL of each poll a new one, so that no cache answers it twice.
 * @param asked that of the client's request.
 * @param now ms since the epoch.
 * @param random in [0, 1).
 */
export function nextCursor(asked: number | undefined, now: number, random: number): number {
  const present = Math.floor((now - cursorEpoch) / cursorIntervalMs);
  if (asked === undefined || asked < present) return present;
  return asked + 1 + Math.floor((random * maxJitterMs) / cursorIntervalMs);
}

/**
 * @param headers those of the answer.
 * @returns the type of the bytes. If they are coded, e.g. compressed, they are not those of a text.
 */
export function durableType(headers: readonly string[]): string {
  const isCoded = headerValue(headers, 'content-encoding') !== undefined;
  const type = isCoded ? undefined : headerValue(headers, 'content-type');
  return type ?? 'application/octet-stream';
}

/** A place in a stream. */
export interface DurablePlace {
  /** The offset of the next byte. */
  readonly next: number;
  /** Whether there are no more bytes now. */
  readonly isTail: boolean;
  /** Whether there will never be more bytes. */
  readonly isClosed: boolean;
}

/** @returns the entity tag of a piece. What a piece has never changes, but there may be more later. */
export function pieceTag(id: string, from: number, { next, isClosed }: DurablePlace): string {
  return `"${id}:${from}:${next}${isClosed ? ':end' : ''}"`;
}

/** @returns whether a client has this piece already (RFC 9110 13.1.2). */
export function hasPiece(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = ifNoneMatch.split(',').map((each) => each.trim().replace(/^W\//, ''));
  return tags.includes(tag) || tags.includes('*');
}

/**
 * @param tag left out if the answer is not the same for the same URL.
 * @param cursor for a long poll.
 * @returns the fields of the answer with a piece, or with none: 204, 304, and the answer to HEAD.
 */
export function placeFields(
  place: DurablePlace,
  { type, tag, cursor }: { readonly type?: string; readonly tag?: string; readonly cursor?: number },
): string[] {
  const { next, isTail, isClosed } = place;
  return [
    ...(type === undefined ? [] : ['Content-Type', type]),
    ...alwaysFields,
    'Stream-Next-Offset',
    encodeOffset(next),
    ...(isTail ? ['Stream-Up-To-Date', 'true'] : []),
    ...(isClosed ? ['Stream-Closed', 'true'] : []),
    ...(cursor === undefined || isClosed ? [] : ['Stream-Cursor', String(cursor)]),
    ...(tag === undefined ? [] : ['ETag', tag]),
  ];
}

/** @returns the fields of the answer with events, for bytes of this type. */
export function eventFields(type: string): string[] {
  return [
    'Content-Type',
    'text/event-stream',
    ...alwaysFields,
    ...(isTextType(type) ? [] : ['Stream-SSE-Data-Encoding', 'base64']),
  ];
}

/** @returns the fields of a problem, which is not to be cached either. */
export function problemFields(): Readonly<Record<string, string>> {
  return secureFields;
}
