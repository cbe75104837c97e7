/**
 * One answer that is sent as a stream. It is always in one of these states:
 *
 *   opening --its head is in the inbox--> flowing
 *   flowing --all that was granted is in the inbox--> blocked --a grant--> flowing
 *   flowing, blocked --the source has ended, and all bytes are in the inbox--> ending
 *   ending --its end is in the inbox--> ended
 *   opening, flowing, blocked, ending --abort--> aborted
 *   opening, flowing, blocked, ending --another worker has the lease--> left
 *
 * It decides what may be sent and whether its source is read. Who sends, asks it for the next piece and tells
 * it when that is in the inbox.
 */
import { strict as assert } from 'node:assert';
import { maxHeadBytes, windowBytes } from '#shared/contract/frame.ts';
import type { AbortCode } from '#shared/contract/frame.ts';
import type { ByteSink } from '../handlers/handler.ts';
import type { StartedStream } from './started-stream.ts';
import { WaitingBytes } from './waiting-bytes.ts';

export type OutgoingState = 'opening' | 'flowing' | 'blocked' | 'ending' | 'ended' | 'aborted' | 'left';

/** The states from which each state may be entered. */
const statesBefore: Readonly<Record<OutgoingState, readonly OutgoingState[]>> = {
  opening: [],
  flowing: ['opening', 'blocked'],
  blocked: ['flowing'],
  ending: ['flowing', 'blocked'],
  ended: ['ending'],
  aborted: ['opening', 'flowing', 'blocked', 'ending'],
  left: ['opening', 'flowing', 'blocked', 'ending'],
};

/** Is told what has become possible or necessary. */
export interface OutgoingEvents {
  /** There is a piece to be sent. */
  ready(): void;
  /** @returns whether it may hold many bytes that wait, because the other streams hold few. */
  hasRoom(): boolean;
  /** It waits for credit: the gateway is to be asked, and finds bytes that Redis has lost. */
  blocked(): void;
  /** All bytes are in the inbox: the end of an answer of this length is to be sent. */
  ending(length: number): void;
  /** The source has failed: the stream is to be aborted. */
  failed(error: unknown): void;
}

/** Bytes that follow one another. */
export interface Piece {
  /** The position of the first byte in the answer. */
  readonly offset: number;
  readonly length: number;
  readonly parts: readonly Uint8Array[];
}

/** How much of an answer its client has taken at least. */
export interface Arrival {
  /** The position behind the last byte; negative if not even its head has arrived for certain. */
  offset: number;
}

const none = new Uint8Array();
/** The source is paused while so many bytes wait to be sent, and the other streams hold many too. */
const fewBytes = 64 * 1024;
/** The source is paused while so many bytes wait to be sent: as many as one push has. */
const manyBytes = 512 * 1024;

export class OutgoingStream {
  readonly #started: StartedStream;
  readonly #events: OutgoingEvents;
  readonly #now: () => number;
  #state: OutgoingState = 'opening';
  /** The bytes that the head has, until it is in the inbox. */
  #headBytes: Uint8Array;
  /** The position behind the last byte that was sent. */
  #offset: number;
  #granted: number;
  readonly #waiting = new WaitingBytes();
  /** How many bytes were sent and may not be in the inbox yet. */
  #unanswered = 0;
  /** How much has arrived for certain. It outlives the stream, whose frames may have to be sent again. */
  readonly arrival: Arrival = { offset: -1 };
  #sourceEnded = false;
  #paused = false;
  /** When the source was last read, or resumed. */
  #readAt = 0;
  #abortCode: AbortCode | undefined;

  /**
   * @param credit the offset up to which bytes may be sent without a grant.
   * @param now a clock in ms.
   */
  constructor(started: StartedStream, credit: number, events: OutgoingEvents, now: () => number) {
    this.#started = started;
    this.#events = events;
    this.#now = now;
    this.#granted = credit;
    const first = started.first.take();
    this.#headBytes = first.subarray(0, Math.min(maxHeadBytes, credit));
    this.#offset = this.#headBytes.length;
    this.#waiting.add(first.subarray(this.#offset));
  }

  get state(): OutgoingState {
    return this.#state;
  }

  /** The bytes for the frame of its head; none once it is in the inbox. */
  get headBytes(): Uint8Array {
    return this.#headBytes;
  }

  /** The position behind the last byte that was sent. */
  get offset(): number {
    return this.#offset;
  }

  /** The position behind the last byte that is certainly in the inbox: what a wait for credit states. */
  get inInbox(): number {
    return this.#offset - this.#unanswered;
  }

  /** How many bytes may be sent now. */
  get sendable(): number {
    return this.#state === 'flowing' ? Math.min(this.#waiting.length, this.#granted - this.#offset) : 0;
  }

  /** Why it is aborted; undefined if it is not. */
  get abortCode(): AbortCode | undefined {
    return this.#abortCode;
  }

  /**
   * Since when its source has brought nothing although it is read, on the given clock; undefined if it is not
   * read.
   */
  get idleSince(): number | undefined {
    const isRead = (this.#state === 'flowing' || this.#state === 'blocked') && !this.#paused;
    return isRead && !this.#sourceEnded ? this.#readAt : undefined;
  }

  /** Its head is in the inbox: the source is read from now on. */
  opened(): void {
    this.#enter('flowing');
    this.#headBytes = none;
    this.#readAt = this.#now();
    this.#started.rest.start(this.#sink);
    this.#steer();
    this.#blockIfNeeded();
    if (this.sendable > 0) this.#events.ready();
  }

  /**
   * Takes the next piece, which is to be sent now.
   * @param maxBytes its greatest length.
   * @returns undefined if nothing may be sent.
   */
  take(maxBytes: number): Piece | undefined {
    const length = Math.min(maxBytes, this.sendable);
    if (length <= 0) return undefined;
    const piece = { offset: this.#offset, length, parts: this.#waiting.take(length) };
    this.#offset += length;
    this.#unanswered += length;
    this.#steer();
    return piece;
  }

  /** A piece of so many bytes is in the inbox. */
  sent(bytes: number): void {
    this.#unanswered -= bytes;
    this.#blockIfNeeded();
    this.#endIfDone();
  }

  /** The gateway has granted what is before this offset. An earlier or repeated grant changes nothing. */
  grant(offset: number): void {
    if (offset <= this.#granted) return;
    this.#granted = offset;
    this.arrival.offset = Math.max(this.arrival.offset, offset - windowBytes);
    if (this.#state === 'blocked') this.#enter('flowing');
    if (this.#state !== 'flowing') return;
    this.#steer();
    if (this.sendable > 0) this.#events.ready();
  }

  /** Its end is in the inbox, and its job is gone. */
  ended(): void {
    this.#enter('ended');
  }

  /**
   * Ends it before it is complete. Does nothing if it is over.
   * @param reason for the source.
   * @returns whether the abort is to be sent.
   */
  abort(code: AbortCode, reason: unknown): boolean {
    if (!this.#stop('aborted', reason)) return false;
    this.#abortCode = code;
    return true;
  }

  /** Another worker has its job. Nothing more is to be sent. */
  leave(reason: unknown): void {
    this.#stop('left', reason);
  }

  readonly #sink: ByteSink = {
    bytes: (chunk) => {
      if (!this.#isRunning) return;
      this.#readAt = this.#now();
      this.#waiting.add(chunk);
      this.#steer();
      if (this.sendable > 0) this.#events.ready();
    },
    end: () => {
      if (!this.#isRunning) return;
      this.#sourceEnded = true;
      this.#endIfDone();
    },
    fail: (error) => {
      if (!this.#isRunning) return;
      this.#sourceEnded = true;
      this.#events.failed(error);
    },
  };

  get #isRunning(): boolean {
    return this.#state === 'flowing' || this.#state === 'blocked';
  }

  #enter(state: OutgoingState): void {
    assert(statesBefore[state].includes(this.#state), `a stream that is ${this.#state} cannot be ${state}`);
    this.#state = state;
  }

  #stop(state: 'aborted' | 'left', reason: unknown): boolean {
    if (!statesBefore[state].includes(this.#state)) return false;
    this.#enter(state);
    this.#waiting.clear();
    if (!this.#sourceEnded) this.#started.rest.cancel(reason);
    return true;
  }

  /** Pauses or resumes the source. */
  #steer(): void {
    if (!this.#isRunning) return;
    const behind = this.#offset + this.#waiting.length;
    const { length } = this.#waiting;
    const mayHold = length < fewBytes || (length < manyBytes && this.#events.hasRoom());
    const wanted = mayHold && behind < this.#granted;
    if (!this.#sourceEnded && wanted === this.#paused) {
      this.#paused = !wanted;
      if (wanted) {
        this.#readAt = this.#now();
        this.#started.rest.resume();
      } else {
        this.#started.rest.pause();
      }
    }
  }

  #blockIfNeeded(): void {
    const needsCredit = this.#waiting.length > 0 || !this.#sourceEnded;
    const isUsedUp = this.#offset >= this.#granted && this.#unanswered === 0;
    if (this.#state !== 'flowing' || !needsCredit || !isUsedUp) return;
    this.#enter('blocked');
    this.#events.blocked();
  }

  #endIfDone(): void {
    const isDone = this.#sourceEnded && this.#waiting.length === 0 && this.#unanswered === 0;
    if (!isDone || !this.#isRunning) return;
    this.#enter('ending');
    this.#events.ending(this.#offset);
  }
}
