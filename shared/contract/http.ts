import type { ProblemCode } from './errors.ts';

/** One HTTP request as the gateway received it and the replica's handler sees it. */
export interface HttpRequest {
  readonly method: string;
  /** The request target in origin form, undecoded: `/path?query`, or `*`. */
  readonly target: string;
  /** Names and values in turn, as on the wire: repeated names stay repeated, values are latin1 strings. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
  /** Whether the client has sent an empty body in chunks, which is not the same as none. */
  readonly emptyChunked?: true;
}

/** One HTTP answer: what the handler made and the client gets. A body that is a string is its bytes in UTF-8. */
export interface HttpReply<Body extends Uint8Array | string = Uint8Array> {
  /** Where it is a problem of ringpost's own. */
  readonly problem?: ProblemCode;
  readonly status: number;
  /** The reason phrase in latin1, if it is not the usual one of the status. */
  readonly reason?: string;
  /** Names and values in turn, as in {@link HttpRequest}. */
  readonly headers: readonly string[];
  readonly body: Body;
}
