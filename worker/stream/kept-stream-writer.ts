/**
 * One answer that is kept as it comes. It is always in one of these states:
 *
 *   opening --the record has its head--> flowing --the source has ended, and Redis has all bytes--> over
 *   opening, flowing --it cannot be opened, it is too long, Redis has lost a part, its source fails, an
 *   abort, another worker has the lease--> over
 *
 * Nobody waits for its readers: the source is only paused while Redis is slower than the source.
 */
import { strict as assert } from 'node:assert';
import { headerValue } from '#shared/contract/headers.ts';
import type { AbortCode } from '#shared/contract/frame.ts';
import type { WholeStream } from '#shared/store/streams/kept-entry.ts';
import type { Append, KeptStreams, RenewedStream, TakenOver } from '#shared/store/streams/kept-streams.ts';
import type { ByteSink } from '../handlers/handler.ts';
import { retryUntil } from '../reply/retry-until.ts';
import { EntryCutter } from './entry-cutter.ts';
import type { StartedStream } from './started-stream.ts';
import type { AppendingStream, KeptAppends } from './kept-appends.ts';
import type { KeptRenewals } from './kept-renewals.ts';
import { isEventStream } from './stream-decision.ts';

/** How the answer has ended. */
export type KeptEnd =
  /** Redis has all of it. The end is to be noted in the record. */
  | { readonly kind: 'whole'; readonly stream: WholeStream }
  /** It is not complete. The problem is to be noted in the record. */
  | { readonly kind: 'aborted'; readonly code: AbortCode }
  /** The same: its source has failed. */
  | { readonly kind: 'failed'; readonly error: unknown }
  /** The request had come to its end before the stream was opened. */
  | { readonly kind: 'endedBefore' }
  /** Another worker has the lease. Nothing is to be noted. */
  | { readonly kind: 'superseded' };

export interface KeptTerms extends RenewedStream {
  /** The most bytes that the answer may have (`REPLY_LIMIT_BYTES`). */
  readonly limitBytes: number;
  /** Where the stream goes on that was taken over; undefined for a new one. */
  readonly resumed?: TakenOver;
}

/** What the kept streams of a session share. */
export interface KeptWriting {
  readonly streams: Pick<KeptStreams, 'open'>;
  readonly appends: KeptAppends;
  readonly renewals: KeptRenewals;
  /** A clock in ms. */
  readonly now: () => number;
}

/** The source is paused while so many bytes wait for Redis, until half of them are left. */
const maxWaitingBytes = 256 * 1024;

type State = 'opening' | 'flowing' | 'over';

export class KeptStreamWriter implements AppendingStream {
  readonly #started: StartedStream;
  readonly #terms: KeptTerms;
  readonly #writing: KeptWriting;
  readonly #cutter: EntryCutter;
  readonly #ended = Promise.withResolvers<KeptEnd>();
  #state: State = 'opening';
  /** How many entries were taken, and how many bytes of them Redis may not have. */
  #entries: number;
  #unansweredBytes = 0;
  #sourceEnded = false;
  #paused = false;
  #readAt = 0;
  #stopRenewals: () => void = () => undefined;

  constructor(started: StartedStream, terms: KeptTerms, writing: KeptWriting) {
    this.#started = started;
    this.#terms = terms;
    this.#writing = writing;
    const { offset = 0, lastId = '', entries = 0 } = terms.resumed ?? {};
    const isEvents = isEventStream(headerValue(started.head.headers, 'content-type'));
    this.#cutter = new EntryCutter(isEvents, { offset, lastId });
    this.#entries = entries;
  }

  /** Resolves once it is over. Never rejects, unless Redis is closed while the stream is opened. */
  get ended(): Promise<KeptEnd> {
    return this.#ended.promise;
  }

  /** How many bytes the answer has so far. */
  get received(): number {
    return this.#cutter.received;
  }

  /**
   * Since when its source has brought nothing although it is read, on the given clock; undefined if it is not
   * read.
   */
  get idleSince(): number | undefined {
    const isRead = this.#state === 'flowing' && !this.#paused && !this.#sourceEnded;
    return isRead ? this.#readAt : undefined;
  }

  /**
   * Opens it in its record, and reads the source from then on. Called once.
   * @param until how long it is tried while Redis refuses, on the `performance.now()` clock.
   * @returns whether Redis has it as a stream, so that its end finishes the job. If false, it is over. If
   * true, it may be over too, because it was aborted meanwhile.
   */
  async open(until: number): Promise<boolean> {
    const { id, keepMs } = this.#terms;
    const { streams, renewals, now } = this.#writing;
    try {
      const opened = await retryUntil(
        async () => (this.#isOver ? undefined : streams.open(id, this.#started.head, keepMs)),
        until,
      );
      // It was aborted meanwhile.
      if (this.#isOver) return opened === 'opened';
      if (opened !== 'opened') {
        this.#end(refusedEnd(opened), 'the stream cannot be kept');
        return false;
      }
    } catch (error) {
      this.#end({ kind: 'failed', error }, error);
      return false;
    }
    assert.equal(this.#state, 'opening');
    this.#state = 'flowing';
    this.#readAt = now();
    this.#stopRenewals = renewals.start(this.#terms);
    this.#started.rest.start(this.#sink);
    this.#sink.bytes(this.#started.first.take());
    return true;
  }

  take(): Append | undefined {
    if (this.#state !== 'flowing') return undefined;
    const entry = this.#cutter.take();
    if (entry === undefined) return undefined;
    this.#entries += 1;
    this.#unansweredBytes += entry.bytes.length;
    return { id: this.#terms.id, ...entry };
  }

  appended({ bytes }: Append, isKept: boolean): void {
    if (this.#state !== 'flowing') return;
    if (!isKept) {
      this.abort('outcome_unknown', 'Redis has lost a part of the stream');
      return;
    }
    this.#unansweredBytes -= bytes.length;
    this.#steer();
    this.#endIfDone();
  }

  /**
   * Ends it before it is complete. Does nothing if it is over.
   * @param reason for the source.
   */
  abort(code: AbortCode, reason: unknown): void {
    this.#end({ kind: 'aborted', code }, reason);
  }

  /** Another worker has the lease. Does nothing if it is over. */
  leave(reason: unknown): void {
    this.#end({ kind: 'superseded' }, reason);
  }

  readonly #sink: ByteSink = {
    bytes: (chunk) => {
      if (this.#state !== 'flowing') return;
      this.#readAt = this.#writing.now();
      if (this.#cutter.received + chunk.length > this.#terms.limitBytes) {
        this.abort('reply_too_large', 'the answer is too large');
        return;
      }
      this.#cutter.add(chunk);
      this.#steer();
      if (this.#cutter.hasEntry) this.#writing.appends.ready(this);
    },
    end: () => {
      if (this.#state !== 'flowing') return;
      this.#sourceEnded = true;
      this.#cutter.complete();
      if (this.#cutter.hasEntry) this.#writing.appends.ready(this);
      this.#endIfDone();
    },
    fail: (error) => {
      this.#sourceEnded = true;
      this.#end({ kind: 'failed', error }, error);
    },
  };

  get #isOver(): boolean {
    return this.#state === 'over';
  }

  /** Pauses or resumes the source. */
  #steer(): void {
    if (this.#sourceEnded) return;
    const bytes = this.#cutter.waitingBytes + this.#unansweredBytes;
    // With less than an entry nothing would resume the source: the rest of its event has to come first.
    const isWritten = this.#unansweredBytes > 0 || this.#cutter.hasEntry;
    if (!this.#paused && bytes >= maxWaitingBytes && isWritten) {
      this.#paused = true;
      this.#started.rest.pause();
    } else if (this.#paused && bytes <= maxWaitingBytes / 2) {
      this.#paused = false;
      this.#readAt = this.#writing.now();
      this.#started.rest.resume();
    }
  }

  #endIfDone(): void {
    const { waitingBytes, received: length, lastId } = this.#cutter;
    if (!this.#sourceEnded || waitingBytes > 0 || this.#unansweredBytes > 0) return;
    this.#end({ kind: 'whole', stream: { length, entries: this.#entries, lastId } }, undefined);
  }

  #end(end: KeptEnd, reason: unknown): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#stopRenewals();
    if (!this.#sourceEnded) this.#started.rest.cancel(reason);
    this.#ended.resolve(end);
  }
}

function refusedEnd(opened: 'ended' | 'superseded' | 'lost' | undefined): KeptEnd {
  switch (opened) {
    case 'ended':
      return { kind: 'endedBefore' };
    case 'superseded':
      return { kind: 'superseded' };
    case 'lost':
    case undefined:
      return { kind: 'aborted', code: 'outcome_unknown' };
    default:
      return opened satisfies never;
  }
}
