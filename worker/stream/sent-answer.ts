import type { AbortCode } from '#shared/contract/frame.ts';
import type { Run } from '#shared/contract/reply.ts';
import type { HandlerReply } from '../handlers/handler.ts';

/** The run of a request whose answer is sent. */
export interface AnsweredRun {
  /** Fires when the request is aborted, or the rest of its answer is abandoned. */
  readonly signal: AbortSignal;
  /** When the head of the answer has to be there, on the `performance.now()` clock. */
  readonly until: number;
  /** Whether this worker has left, so that another one answers. */
  readonly left: boolean;
  /** Whether the request was aborted. */
  readonly isAborted: boolean;
  /** Aborts the request: fires the signal. */
  abort(reason: DOMException): void;
  /** Fires the signal because nobody reads the rest of the answer. */
  abandon(reason: unknown): void;
  /** @returns how it was run. */
  run(adopter: string | undefined): Run | undefined;
}

/** How a stream has ended. `left`: another worker has its job. */
export type StreamEnd = 'ended' | 'left';

/** An answer that is sent, or kept, as its bytes come. */
export interface SentAnswer {
  /** The request's id. */
  readonly id: string;
  /**
   * Since when its source has brought nothing although it is read, on the `performance.now()` clock;
   * undefined if it is not read.
   */
  readonly idleSince: number | undefined;
  /** Whether another run of its request may go on with it. */
  readonly canBeResumed: boolean;
  /** Sends its head, once. */
  open(): Promise<OpenedAnswer>;
  /** Ends it before it is complete. Does nothing if it is over. */
  abort(code: AbortCode, reason: DOMException): void;
  /** Sends nothing more, because another worker has its job. Does nothing if it is over. */
  leave(reason: DOMException): void;
}

/**
 * What became of the head of a stream:
 *
 * - `open`: it was sent, and the end of the stream finishes the job. `ended` never rejects;
 * - `reply`: this is sent in its place; undefined if nobody waits for it;
 * - `superseded`: another worker has the job.
 */
export type OpenedAnswer =
  | { readonly kind: 'open'; readonly ended: Promise<StreamEnd> }
  | { readonly kind: 'reply'; readonly reply: HandlerReply | undefined }
  | { readonly kind: 'superseded' };
