import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';
import type { ReplyHead } from '#shared/contract/reply.ts';

/** The answer of a handler, with its bytes or a text. */
export type HandlerReply = HttpReply<Uint8Array | string>;

/** What gets the bytes of an answer. After `end` or `fail` nothing follows. */
export interface ByteSink {
  bytes(chunk: Uint8Array): void;
  end(): void;
  fail(error: unknown): void;
}

/** The bytes of an answer, as its origin brings them. */
export interface ByteSource {
  /** Called once. The sink is not called before this has returned. */
  start(sink: ByteSink): void;
  /** Brings no more bytes than those that are under way, until {@link resume}. Safe to call twice. */
  pause(): void;
  resume(): void;
  /** The bytes are no longer wanted: the origin is told, and the sink is not called again. */
  cancel(reason: unknown): void;
}

/** An answer of a handler whose bytes are not there yet. */
export interface SourcedReply extends ReplyHead {
  readonly source: ByteSource;
  /** How many bytes the source brings; undefined if that is not known. */
  readonly length?: number;
}

/** What a handler answers. */
export type HandlerAnswer = HandlerReply | SourcedReply;

/** @returns whether the bytes of an answer are not there yet. */
export function isSourced(answer: HandlerAnswer): answer is SourcedReply {
  return 'source' in answer;
}

/** Where a kept stream of events is taken up that an earlier run of the request has begun. */
export interface ResumePoint {
  /** How many bytes are kept. They end between two events. */
  readonly offset: number;
  /** The id of the last event that is kept; undefined if the events have none. */
  readonly lastEventId?: string;
}

/** What a handler learns about a request besides the request itself. */
export interface HandlerContext {
  /** The replica's name, e.g. `S1`. */
  readonly replica: string;
  /** The request's id, which the client reads in `Ringpost-Request`. */
  readonly requestId: string;
  /** 1 for the first run of this request, and one more for each redelivery. */
  readonly attempt: number;
  /**
   * From when on nobody waits for the answer, in ms since the epoch, in the clock of this process:
   * `Date.now()`.
   */
  readonly deadline: number;
  /** Fires at the deadline, or when the worker abandons the request. */
  readonly signal: AbortSignal;
  /**
   * Where an earlier run of this request has left its answer, if the rest is wanted. An answer that goes on
   * there says so in `Ringpost-Resumed-From`.
   */
  readonly resumeFrom?: ResumePoint;
}

/** What the worker gives its own handlers besides. */
export interface RunContext extends HandlerContext {
  /** Gets the fields of early hints (103) that come before the answer, as alternating names and values. */
  readonly onHints?: (headers: readonly string[]) => void;
  /**
   * Fires the signal because the rest of the answer is not read. What the request is answered stays as it is.
   * A handler that is told of neither would write on.
   */
  readonly abandon?: (reason: unknown) => void;
}

/** Answers the requests of a replica: the built-in service, a module, or an upstream server. */
export interface Handler {
  /**
   * Answers one request, without a promise if it need not wait. If the signal of the request fires, the
   * origin of the answer's bytes is told, whether somebody reads them or not.
   * @throws what the handler throws, or rejects with it. The caller turns it into a problem, and the replica
   * lives on.
   */
  handle(request: HttpRequest, context: RunContext): HandlerAnswer | Promise<HandlerAnswer>;
  /**
   * Closes what the handler holds open. Safe to call twice.
   * @param until when the worker has to have ended, on the `performance.now()` clock. Without it, nothing has
   * time to end by itself.
   */
  close(until?: number): Promise<void>;
}
