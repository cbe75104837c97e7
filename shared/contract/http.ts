import type { ProblemCode } from './errors.ts';

/** An HTTP request as the gateway received it and as the replica's handler sees it. */
export interface HttpRequest {
  readonly method: string;
  /** The request target in origin form, undecoded: `/path?query`, or `*`. */
  readonly target: string;
  /** Alternating names and values, as on the wire. Repeated fields are kept; values are latin1 strings. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
  /** Whether the client sent an empty chunked body, which differs from no body. */
  readonly emptyChunked?: true;
}

/**
 * An HTTP answer as the handler made it and as the client gets it. A string body stands for its UTF-8 bytes.
 */
export interface HttpReply<Body extends Uint8Array | string = Uint8Array> {
  /** The problem's code, if ringpost itself made the answer. */
  readonly problem?: ProblemCode;
  readonly status: number;
  /** The reason phrase in latin1, unless it is the usual one of the status. */
  readonly reason?: string;
  /** Alternating names and values, as in {@link HttpRequest}. */
  readonly headers: readonly string[];
  readonly body: Body;
}
