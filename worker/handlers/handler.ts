import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';

/** What a handler answers with. */
export type HandlerReply = HttpReply<Uint8Array | string>;

/** What a handler is told about the request beside the request itself. */
export interface HandlerContext {
  /** The replica's name, e.g. `S1`. */
  readonly replica: string;
  /** The request's id, the same that the client reads in `Ringpost-Request`. */
  readonly requestId: string;
  /** 1 for the first run of this request, one more for each redelivery. */
  readonly attempt: number;
  /** When nobody waits for the answer any more, in milliseconds since the epoch by the clock of this process: `Date.now()`. */
  readonly deadline: number;
  /** Fires at the deadline, or when the worker abandons the request. */
  readonly signal: AbortSignal;
}

/** What a replica runs for each request: the built-in service, a module, or an upstream server. */
export interface Handler {
  /**
   * Answers one request, at once where it need not wait.
   * @throws what the handler throws, or rejects with it; the caller turns it into a problem and the replica lives on.
   */
  handle(request: HttpRequest, context: HandlerContext): HandlerReply | Promise<HandlerReply>;
  /** Lets go of what the handler holds open. Safe to call twice. */
  close(): Promise<void>;
}
