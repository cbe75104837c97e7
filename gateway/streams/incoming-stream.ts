/**
 * An answer that arrives as frames, from its head on. It is always in one of these states:
 *
 *   flowing --the end, after all bytes--> ended
 *   flowing --an abort, or frames that stay missing--> broken
 *   flowing --its client leaves--> left
 *
 * Bytes are passed on in their order and once. A chunk that comes again is dropped, and so is what comes
 * after a gap, until the worker has sent the missing frames again. Frames of another fence are of another run
 * of the request, and are dropped too. Only an abort may have a higher one.
 */
import type { Frame, StreamTerms } from '#shared/contract/frame.ts';
import type { AbortCause } from '../http/request-notes.ts';
import { creditAfter, creditOf } from './stream-credit.ts';
import type { Credit } from './stream-credit.ts';

/** The client of a stream, whose head was written. */
export interface StreamClient {
  write(bytes: Uint8Array): void;
  /** The answer is complete. */
  end(): void;
  /** The answer is not complete: breaks the connection, so that the client can tell. */
  break(cause: AbortCause): void;
}

export type StreamState = 'flowing' | 'ended' | 'broken' | 'left';

type FrameOf<Kind extends Frame['kind']> = Extract<Frame, { readonly kind: Kind }>;

export class IncomingStream {
  readonly fence: number;
  readonly #client: StreamClient;
  #state: StreamState = 'flowing';
  #received = 0;
  #credit: Credit;

  /** @param first the bytes of the head's frame. */
  constructor({ fence, credit }: StreamTerms, first: Uint8Array, client: StreamClient) {
    this.fence = fence;
    this.#client = client;
    this.#credit = creditOf(credit);
    this.#pass(first);
  }

  get state(): StreamState {
    return this.#state;
  }

  /** How many bytes have arrived. */
  get received(): number {
    return this.#received;
  }

  /** The offset up to which the worker may send: the answer to a worker that waits for credit. */
  get granted(): number {
    return this.#credit.granted;
  }

  /** @returns what became of the bytes; `gap` if earlier ones are missing: then these were dropped. */
  chunk({ fence, offset, bytes }: FrameOf<'chunk'>): 'taken' | 'dropped' | 'gap' {
    if (this.#state !== 'flowing' || fence !== this.fence) return 'dropped';
    if (offset > this.#received) return 'gap';
    const known = this.#received - offset;
    if (known >= bytes.length) return 'dropped';
    this.#pass(bytes.subarray(known));
    return 'taken';
  }

  /**
   * The worker waits for credit, or may have missed a grant. All before its offset was in the inbox.
   * @returns `waiting` if it is to be told what is granted; `gap` if bytes are missing.
   */
  blocked({ fence, offset }: FrameOf<'blocked'>): 'waiting' | 'dropped' | 'gap' {
    if (this.#state !== 'flowing' || fence !== this.fence) return 'dropped';
    return offset <= this.#received ? 'waiting' : 'gap';
  }

  /** @returns `gap` if bytes are missing: then the end was dropped. */
  end({ fence, length }: FrameOf<'end'>): 'clean' | 'dropped' | 'gap' {
    if (this.#state !== 'flowing' || fence !== this.fence) return 'dropped';
    if (length !== this.#received) return 'gap';
    this.#state = 'ended';
    this.#client.end();
    return 'clean';
  }

  /** @returns `dropped` if it is about an earlier run of the request. */
  abort({ fence, code }: FrameOf<'abort'>): 'broken' | 'dropped' {
    if (this.#state !== 'flowing' || fence < this.fence) return 'dropped';
    this.#break(code);
    return 'broken';
  }

  /**
   * The gateway has found that no more frames will come, or that a gap stays. Does nothing if the stream is
   * over.
   */
  lose(cause: 'lost' | 'gap'): void {
    if (this.#state === 'flowing') this.#break(cause);
  }

  /** The client has left. Nothing is passed to it any more. */
  leave(): void {
    if (this.#state === 'flowing') this.#state = 'left';
  }

  /**
   * Notes how many bytes were passed to the client's socket.
   * @param hasRoom whether the gateway holds fewer bytes than it may.
   * @returns the offset that is to be granted to the worker; undefined if it needs nothing.
   */
  taken(bytes: number, hasRoom: boolean): number | undefined {
    if (this.#state !== 'flowing') return undefined;
    const next = creditAfter(this.#credit, bytes, hasRoom);
    if (next === undefined) return undefined;
    this.#credit = next;
    return next.granted;
  }

  #pass(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#received += bytes.length;
    this.#client.write(bytes);
  }

  #break(cause: AbortCause): void {
    this.#state = 'broken';
    this.#client.break(cause);
  }
}
