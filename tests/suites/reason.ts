/**
 * Why a test may have another outcome through a gateway.
 * - `stream`: it looks at the parts of a body, or at their time; a queue carries whole messages.
 * - `abort`: a side leaves while the answer is under way.
 * - `trailer`: it is about trailer fields, which are dropped.
 * - `upgrade`: it is about `CONNECT`, `Upgrade` or informational answers.
 * - `connection`: it is about the connection and not the request: any intermediary has one on each side.
 * - `refused`: the message is invalid, and the gateway answers where a client or server of the suite lets it pass.
 * - `timing`: the outcome changes from run to run, with or without a gateway.
 */
export type ReasonKind = 'stream' | 'abort' | 'trailer' | 'upgrade' | 'connection' | 'refused' | 'timing';

/** A reason for differences, and the tests that have it. */
export interface Reason {
  readonly kind: ReasonKind;
  /** One or two sentences. */
  readonly why: string;
  /** As results name them: `test/res.js: res .send() should set body`. */
  readonly tests: readonly string[];
}
