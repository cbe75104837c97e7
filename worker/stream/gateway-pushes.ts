/**
 * What the streams of one queue send to one gateway. It is always in one of these states:
 *
 *   idle --a stream has a piece, or there is a note--> waiting
 *   waiting --the turn of the event loop ends, 5 ms after the last push or with many bytes--> pushing
 *   waiting --5 ms are over since the last push--> pushing
 *   pushing --Redis has the frames, and there are no more--> idle
 *   pushing --Redis has the frames, and there are more--> waiting
 *   pushing --Redis refuses them--> refused --100 ms are over--> pushing
 *   any --stop--> stopped
 *
 * One push is under way at a time: so what Redis refuses and gets again is still before what follows it.
 */
import { strict as assert } from 'node:assert';
import { encodeChunkUncopied, maxChunkBytes } from '#shared/contract/frame.ts';
import type { PartedFrame } from '#shared/contract/frame.ts';
import type { ReplyFrame } from '#shared/contract/reply.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { OutgoingStream } from './outgoing-stream.ts';
import { SentFrames } from './sent-frames.ts';
import type { SentFrame } from './sent-frames.ts';
import type { MissingFrames } from './stream-signals.ts';

/** A frame as it is pushed. */
export type StreamFrame = ReplyFrame | PartedFrame;

/** A stream that is sent to a gateway. */
export interface SentStream {
  /** The request's id. */
  readonly id: string;
  readonly outgoing: OutgoingStream;
}

export interface GatewayPushesOptions {
  /** That of the lease under which the streams are sent. */
  readonly fence: number;
  /** Pushes frames into the inbox of the gateway. Rejects if Redis refuses them. */
  readonly push: (frames: readonly StreamFrame[]) => Promise<void>;
  readonly log: Logger;
}

type State = 'idle' | 'waiting' | 'pushing' | 'refused' | 'stopped';

/** The states from which each state may be entered. */
const statesBefore: Readonly<Record<State, readonly State[]>> = {
  idle: ['pushing'],
  waiting: ['idle', 'pushing'],
  pushing: ['waiting', 'refused'],
  refused: ['pushing'],
  stopped: ['idle', 'waiting', 'pushing', 'refused'],
};

/** Pushes of fewer bytes are at least this far apart, in ms. */
const apartMs = 5;
/** So many bytes are pushed at the end of the turn. */
const manyBytes = maxChunkBytes;
/**
 * One push has at most so many bytes of answers: Redis and the connection serve others between two of them.
 */
const maxPushBytes = 512 * 1024;
/** After a push that Redis has refused, in ms. */
const retryDelayMs = 100;

interface ReadyStream {
  readonly outgoing: OutgoingStream;
  /** How many bytes it had when it told so last. */
  bytes: number;
}

interface SentPiece extends Omit<SentFrame, 'arrival'> {
  readonly outgoing: OutgoingStream;
}

interface Batch {
  readonly frames: readonly StreamFrame[];
  readonly pieces: readonly SentPiece[];
}

export class GatewayPushes {
  readonly #options: GatewayPushesOptions;
  #state: State = 'idle';
  /**
   * The streams with something to send, by the ids of their requests; the one whose turn is next is first.
   */
  readonly #ready = new Map<string, ReadyStream>();
  /** How many bytes they have, as far as they have told. */
  #readyBytes = 0;
  /** Frames without bytes of answers, the latest of each stream, by the ids of their requests. */
  readonly #notes = new Map<string, ReplyFrame>();
  readonly #sent = new SentFrames(() => performance.now());
  /** Frames that are to be sent again. */
  #again: readonly SentFrame[] = [];
  #pushedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;

  constructor(options: GatewayPushesOptions) {
    this.#options = options;
  }

  /** Whether the streams hold fewer bytes than one push has. */
  get hasRoom(): boolean {
    return this.#readyBytes < maxPushBytes;
  }

  /** A stream has a piece to be sent. */
  ready({ id, outgoing }: SentStream): void {
    this.#add(id, outgoing);
    this.#pushSoon();
  }

  /** Sends a frame that has no bytes of an answer, in place of an unsent one of the same stream. */
  note(id: string, frame: ReplyFrame): void {
    this.#notes.set(id, frame);
    this.#pushSoon();
  }

  /** Notes a frame that is in the inbox, but was not pushed here. */
  sent(frame: SentFrame): void {
    this.#sent.add(frame);
  }

  /** Sends frames again that have not arrived. Those that are no longer kept are missing for good. */
  sendAgain(missing: MissingFrames): void {
    const frames = this.#sent.missing(missing);
    if (frames.length === 0) return;
    this.#again = [...this.#again.filter(({ id }) => !missing.has(id)), ...frames];
    this.#pushSoon();
  }

  /** Sends nothing more. */
  stop(): void {
    if (this.#state === 'stopped') return;
    this.#enter('stopped');
    this.#clearTimers();
    this.#ready.clear();
    this.#readyBytes = 0;
    this.#notes.clear();
    this.#again = [];
    this.#sent.clear();
  }

  #enter(state: State): void {
    assert(statesBefore[state].includes(this.#state), `pushes that are ${this.#state} cannot be ${state}`);
    this.#state = state;
  }

  #pushSoon(): void {
    if (this.#state === 'idle') this.#enter('waiting');
    if (this.#state !== 'waiting' || this.#turn !== undefined) return;
    const leftMs = this.#pushedAt + apartMs - performance.now();
    if (leftMs <= 0 || this.#readyBytes >= manyBytes) this.#turn = setImmediate(() => this.#begin());
    else this.#timer ??= setTimeout(() => this.#begin(), leftMs);
  }

  #add(id: string, outgoing: OutgoingStream): void {
    const bytes = outgoing.sendable;
    const known = this.#ready.get(id);
    this.#readyBytes += bytes - (known?.bytes ?? 0);
    // A request that runs again has another stream.
    if (known?.outgoing === outgoing) known.bytes = bytes;
    else this.#ready.set(id, { outgoing, bytes });
  }

  #begin(): void {
    this.#clearTimers();
    this.#enter('pushing');
    void this.#push(this.#gather());
  }

  #clearTimers(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    this.#timer = undefined;
    this.#turn = undefined;
  }

  /** Takes a piece of each stream in turn, until there are no more or the push has enough bytes. */
  #gather(): Batch {
    const { fence } = this.#options;
    const frames: StreamFrame[] = [...this.#notes.values()];
    const pieces: SentPiece[] = [];
    this.#notes.clear();
    const again = this.#takeAgain();
    let left = maxPushBytes;
    for (const { frame, bytes } of again) {
      frames.push(frame);
      left -= bytes;
    }
    while (left > 0) {
      const [next] = this.#ready;
      if (next === undefined) break;
      const [id, { outgoing, bytes }] = next;
      this.#ready.delete(id);
      this.#readyBytes -= bytes;
      const piece = outgoing.take(Math.min(left, maxChunkBytes));
      if (piece === undefined) continue;
      const { offset, length, parts } = piece;
      const frame = encodeChunkUncopied(id, fence, offset, parts);
      frames.push(frame);
      pieces.push({ id, frame, until: offset + length, bytes: length, outgoing });
      left -= length;
      if (outgoing.sendable > 0) this.#add(id, outgoing);
    }
    return { frames, pieces };
  }

  /** Takes frames that are to be sent again, until there are no more or the push has enough bytes. */
  #takeAgain(): readonly SentFrame[] {
    if (this.#again.length === 0) return this.#again;
    let [count, bytes] = [0, 0];
    for (const frame of this.#again) {
      if (count > 0 && bytes + frame.bytes > maxPushBytes) break;
      count += 1;
      bytes += frame.bytes;
    }
    const taken = this.#again.slice(0, count);
    this.#again = this.#again.slice(count);
    return taken;
  }

  /** Never rejects. */
  async #push({ frames, pieces }: Batch): Promise<void> {
    this.#pushedAt = performance.now();
    // The streams may have ended meanwhile.
    if (frames.length > 0) {
      try {
        await this.#options.push(frames);
      } catch (error) {
        this.#retryLater(error, { frames, pieces });
        return;
      }
    }
    if (this.#state !== 'pushing') return;
    for (const { outgoing, ...sent } of pieces) this.#sent.add({ ...sent, arrival: outgoing.arrival });
    const hasMore = this.#ready.size > 0 || this.#notes.size > 0 || this.#again.length > 0;
    this.#enter(hasMore ? 'waiting' : 'idle');
    if (hasMore) this.#pushSoon();
    // A stream may have more to say now.
    for (const { outgoing, bytes } of pieces) outgoing.sent(bytes);
  }

  #retryLater(error: unknown, batch: Batch): void {
    if (this.#state !== 'pushing') return;
    this.#options.log.warn({ err: error }, 'Redis has refused chunks of streams');
    this.#enter('refused');
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#enter('pushing');
      void this.#push(batch);
    }, retryDelayMs);
  }
}
