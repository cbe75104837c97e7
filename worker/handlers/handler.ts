import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';

/** The answer of a handler. */
export type HandlerReply = HttpReply<Uint8Array | string>;

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
}

/** Answers the requests of a replica: the built-in service, a module, or an upstream server. */
export interface Handler {
  /**
   * Answers one request, without a promise if it need not wait.
   * @throws what the handler throws, or rejects with it. The caller turns it into a problem, and the replica
   * lives on.
   */
  handle(request: HttpRequest, context: HandlerContext): HandlerReply | Promise<HandlerReply>;
  /**
   * Closes what the handler holds open. Safe to call twice.
   * @param until when the worker has to have ended, on the `performance.now()` clock. Without it, nothing has
   * time to end by itself.
   */
  close(until?: number): Promise<void>;
}
