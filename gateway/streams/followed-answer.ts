import type { ServerResponse } from 'node:http';
import { isProblemCode } from '#shared/contract/errors.ts';
import { maxReadBytes } from '#shared/store/streams/kept-stream-reader.ts';
import type { AbortCause } from '../http/request-notes.ts';
import type { HeldBytes } from '../request/held-bytes.ts';
import { ClientStream } from './client-stream.ts';
import type { StreamFault, StreamListener, UnsentWatcher } from './client-stream.ts';
import type { Broken, Following, FollowSink } from './follower.ts';
import type { StreamCounts } from './stream-counts.ts';
import type { StreamMemory } from './stream-memory.ts';

/** How the pieces of a kept stream are written. */
export interface PieceFormat {
  /**
   * @param end the offset behind the last byte.
   * @param isTail whether these are all bytes that there are now.
   */
  bytes(parts: readonly Buffer[], end: number, isTail: boolean): readonly Uint8Array[];
  /** The client has all bytes that there are now. @returns what is written, if anything. */
  caughtUp(): Uint8Array | undefined;
  /** The same at the end of the stream. */
  end(): Uint8Array | undefined;
  /** What is written every 15 s, so that an idle connection stays open. */
  readonly heartbeat?: Uint8Array;
}

/** The bytes themselves. */
export const plainFormat: PieceFormat = {
  bytes: (parts) => parts,
  caughtUp: () => undefined,
  end: () => undefined,
};

/** What answers need that follow a kept stream. */
export interface FollowedAnswerParts {
  readonly held: HeldBytes;
  readonly unsent: UnsentWatcher;
  readonly streamMemory: StreamMemory;
  /** Counts the answers that are broken off. */
  readonly openStreams: { readonly counts: Pick<StreamCounts, 'abort'> };
}

export interface FollowedAnswerOptions extends FollowedAnswerParts {
  /** Its head is written. */
  readonly response: ServerResponse;
  /** The length that the head states; undefined if it states none. */
  readonly length?: number | undefined;
  readonly format: PieceFormat;
  /** Whether all its bytes are counted already. It would wait for room that it has itself. */
  readonly isHeld: boolean;
  /** Called once, when nothing more is written. */
  readonly onDone: () => void;
}

/** A client with more unread bytes than this is slow: it gets the next piece once it has taken these. */
const maxUnreadBytes = 64 * 1024;
const heartbeatMs = 15_000;

/**
 * Passes a kept stream on to one client. A client that is behind gets one piece after the other, each when it
 * has taken the one before and the gateway has room. One that has all bytes gets more as they come.
 */
export class FollowedAnswer implements FollowSink, StreamListener {
  readonly #options: FollowedAnswerOptions;
  readonly #client: ClientStream;
  #following: Following | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #given = 0;
  #taken = 0;
  /** It takes the next piece later. */
  #waits = false;
  /** It was told that it has all bytes that there are. */
  #isAtTail = false;
  /** How many bytes are reserved for the next piece. */
  #room = 0;
  #isOver = false;

  constructor(options: FollowedAnswerOptions) {
    this.#options = options;
    const { response, length, unsent, streamMemory: memory, onDone } = options;
    this.#client = new ClientStream({ response, length, listener: this, unsent, memory, onDone });
  }

  /**
   * @param bytes how many bytes there are already. The reading begins when the gateway has room for them.
   * @param follow begins to read for this sink.
   */
  start(bytes: number, follow: (sink: FollowSink) => Following): void {
    void this.#withRoom(bytes, () => void (this.#following = follow(this)));
    const { heartbeat } = this.#options.format;
    if (heartbeat === undefined || this.#isOver) return;
    this.#heartbeat = setInterval(() => {
      if (this.#given === this.#taken) this.#write(heartbeat);
    }, heartbeatMs);
  }

  /** Ends the answer where it is, as its format allows. */
  stop(): void {
    this.#finish();
    this.#client.end();
  }

  bytes(parts: readonly Buffer[], end: number, isTail: boolean): boolean {
    this.#giveRoom();
    for (const part of this.#options.format.bytes(parts, end, isTail)) this.#write(part);
    this.#isAtTail = isTail;
    this.#waits = !isTail || this.#given - this.#taken > maxUnreadBytes;
    return !this.#waits;
  }

  caughtUp(): void {
    this.#giveRoom();
    if (!this.#isAtTail) this.#writeAny(this.#options.format.caughtUp());
    this.#isAtTail = true;
  }

  end(): void {
    this.#writeAny(this.#options.format.end());
    this.stop();
  }

  fail(why: Broken, code?: string): void {
    this.#finish();
    const cause = causeOf(why, code);
    this.#options.openStreams.counts.abort(cause);
    this.#client.break(cause);
  }

  taken(bytes: number): void {
    this.#taken = bytes;
    if (!this.#waits || this.#isOver || this.#given - bytes > maxUnreadBytes) return;
    this.#waits = false;
    void this.#withRoom(maxReadBytes, () => this.#following?.resume());
  }

  left(cause: StreamFault): void {
    this.#finish();
    this.#options.openStreams.counts.abort(cause);
  }

  /**
   * Never rejects.
   * @param bytes how many bytes it takes in the next read, at most `maxReadBytes` of them.
   * @param read called once there is room, unless it is over.
   */
  async #withRoom(bytes: number, read: () => void): Promise<void> {
    const { isHeld, held } = this.#options;
    const room = isHeld ? 0 : Math.min(bytes, maxReadBytes);
    if (room > 0 && (await held.roomForPiece(room, () => !this.#isOver))) this.#room = room;
    if (this.#isOver) this.#giveRoom();
    else read();
  }

  /** From now on the bytes are counted one by one. */
  #giveRoom(): void {
    const room = this.#room;
    this.#room = 0;
    if (room > 0) this.#options.held.giveStream(room);
  }

  #writeAny(bytes: Uint8Array | undefined): void {
    if (bytes !== undefined) this.#write(bytes);
  }

  #write(bytes: Uint8Array): void {
    this.#given += bytes.length;
    this.#client.write(bytes);
  }

  #finish(): void {
    this.#isOver = true;
    clearInterval(this.#heartbeat);
    this.#giveRoom();
    this.#following?.stop();
  }
}

/** @param code why the request failed. */
function causeOf(why: Broken, code: string | undefined): AbortCause {
  if (why === 'gap') return 'gap';
  return why === 'aborted' && isProblemCode(code) ? code : 'lost';
}
