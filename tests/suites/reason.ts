/**
 * The kinds of reasons why a test may have another outcome through a gateway, and what the document says of each.
 * Only these are accepted; anything else that differs is a fault.
 */
export const reasonKinds = {
  stream: 'The test looks at the parts of a body or at the time of each; a queue carries whole messages.',
  abort: 'A side leaves in the middle of a message, or sends one that is broken.',
  trailer: 'Trailer fields are dropped, both ways.',
  upgrade: 'It is about `CONNECT`, `Upgrade` or an informational answer.',
  connection: 'It looks at what belongs to one connection; a gateway has one on each side.',
  proxy: 'It is about what each proxy adds to a message, or takes off it.',
  timing: 'Its outcome changes from run to run; three runs have shown it.',
} as const;

export type ReasonKind = keyof typeof reasonKinds;

/** A reason for differences, and the tests that have it. */
export interface Reason {
  readonly kind: ReasonKind;
  /** One or two sentences. */
  readonly why: string;
  /** As results name them: `test/res.js: res .send() should set body`. */
  readonly tests: readonly string[];
}
