import { Problem } from '#shared/contract/errors.ts';
import { maxReadBytes } from '#shared/store/streams/kept-stream-reader.ts';
import type { ReadableAnswer } from '../streams/readable-answer.ts';
import { noteBody } from '../http/answer.ts';
import { nextPiece } from '../streams/next-piece.ts';
import type { NextPiece } from '../streams/next-piece.ts';
import type { PieceFormat } from '../streams/followed-answer.ts';
import { DurableEvents } from './durable-events.ts';
import {
  durableType,
  eventFields,
  hasPiece,
  longPollMs,
  nextCursor,
  pieceTag,
  placeFields,
} from './durable-stream.ts';
import type { DurableCall, DurablePlace } from './durable-stream.ts';
import { malformed } from './query-parameters.ts';
import { follow } from './stream-response.ts';
import type { Reading } from './stream-response.ts';

/**
 * Answers a call of the Durable Streams protocol.
 * @returns `aborted` if the answer is not complete and never will be; then nothing is written.
 * @throws {Problem} if a part of the answer is gone, or the offset is past its end.
 */
export async function answerDurable(
  answer: ReadableAnswer,
  call: DurableCall,
  reading: Reading,
): Promise<'answered' | 'aborted'> {
  const { response, own, watch, parts } = reading;
  const { held } = parts;
  const { stream, tail } = answer;
  const isClosed = stream.length !== undefined;
  if (call.offset !== 'now' && call.offset > tail) {
    throw malformed(`offset is past the end, ${tail}.`);
  }
  const from = call.offset === 'now' ? tail : call.offset;
  const type = durableType(stream.headers);
  const isHead = response.req.method === 'HEAD';
  if (call.live === 'sse' && !isHead) {
    response.writeHead(statusOf(answer), [...eventFields(type), ...own]);
    const format = new EventFormat(type, from, call.cursor);
    follow(answer, { from }, { ...reading, format, endsWithGateway: true });
    return 'answered';
  }
  const none = { parts: [], end: tail, isTail: true, isClosed };
  const isPresentEnd = call.offset === 'now' && call.live === undefined;
  // Those who wait for bytes to come hold none.
  const room = isHead || answer.isHeld ? 0 : Math.min(tail - from, maxReadBytes);
  if (room > 0 && !(await held.roomForPiece(room, () => !watch.gone))) return 'answered';
  try {
    const piece = isHead || isPresentEnd ? none : await pieceOf(answer, from, call, reading);
    if (piece === 'aborted') return piece;
    if (watch.gone) return 'answered';
    watch.end();
    writePiece(answer, from, call, piece, reading);
    return 'answered';
  } finally {
    // What is on its way to the client was counted when it was written.
    if (room > 0) held.giveStream(room);
  }
}

/** @throws {Problem} if there is no such piece. */
async function pieceOf(
  { found, source }: ReadableAnswer,
  from: number,
  { live }: DurableCall,
  { watch }: Reading,
): Promise<NextPiece | 'aborted'> {
  const leaving = new AbortController();
  const onEnd = (): void => leaving.abort();
  watch.serve(found.id, { held: false, onGone: onEnd, onStop: onEnd });
  const waitMs = live === undefined ? 0 : longPollMs;
  const piece = await nextPiece(source, found, from, waitMs, leaving.signal);
  if (piece === 'gone') throw new Problem('answer_gone', 'The answer was kept for its time, and is gone.');
  if (piece === 'gap') throw new Problem('outcome_unknown', 'Redis has lost a part of the answer.');
  return piece;
}

function writePiece(
  answer: ReadableAnswer,
  from: number,
  { offset, live, cursor }: DurableCall,
  { parts, end: next, isTail, isClosed }: NextPiece,
  { response, own, parts: { unsent } }: Reading,
): void {
  const { found, stream } = answer;
  const place = { next, isTail, isClosed };
  const type = durableType(stream.headers);
  const isHead = response.req.method === 'HEAD';
  // What `now` is changes, and so does what a long poll brings.
  const isSame = offset !== 'now' && live === undefined && !isHead;
  const tag = isSame ? { tag: pieceTag(found.id, from, place) } : {};
  const isLive = live !== undefined && !isHead;
  const moved = isLive ? { cursor: nextCursor(cursor, Date.now(), Math.random()) } : {};
  const body = Buffer.concat(parts);
  if (isSame && hasPiece(response.req.headers['if-none-match'], tag.tag ?? '')) {
    response.writeHead(304, [...placeFields(place, tag), ...own]).end();
  } else if (isLive && body.length === 0) {
    response.writeHead(204, [...placeFields(place, moved), ...own]).end();
  } else {
    const length = isHead ? [] : ['Content-Length', String(body.length)];
    response.writeHead(statusOf(answer), [
      ...placeFields(place, { type, ...tag, ...moved }),
      ...length,
      ...own,
    ]);
    noteBody(response, body.length);
    unsent.end(response, body);
  }
}

/** An answer that is none of success is told to be that; otherwise the status is the protocol's. */
function statusOf({ stream: { status } }: ReadableAnswer): number {
  return status >= 200 && status < 300 ? 200 : status;
}

const comment = Buffer.from(': \n\n');

/** The events of the protocol. */
class EventFormat implements PieceFormat {
  readonly heartbeat = comment;
  readonly #events: DurableEvents;
  readonly #cursor: number;
  #next: number;

  /** @param cursor that of the client's request. */
  constructor(type: string, from: number, cursor: number | undefined) {
    this.#events = new DurableEvents(type);
    this.#next = from;
    this.#cursor = nextCursor(cursor, Date.now(), Math.random());
  }

  bytes(parts: readonly Buffer[], end: number, isTail: boolean): readonly Uint8Array[] {
    this.#next = end;
    return [Buffer.from(this.#events.bytes(parts, this.#place(isTail, false), this.#cursor))];
  }

  caughtUp(): Uint8Array {
    return Buffer.from(this.#events.place(this.#place(true, false), this.#cursor));
  }

  end(): Uint8Array {
    return Buffer.from(this.#events.place(this.#place(true, true), this.#cursor));
  }

  #place(isTail: boolean, isClosed: boolean): DurablePlace {
    return { next: this.#next, isTail, isClosed };
  }
}
