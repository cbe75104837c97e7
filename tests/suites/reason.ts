/**
 * The kinds of reasons why a test may have another outcome through a gateway, and what the document says of
 * each. Only these are accepted; anything else that differs is a fault.
 */
export const reasonKinds = {
  stream: 'The test checks the parts of a body or the time of each; a queue carries whole messages.',
  abort: 'One side leaves in the middle of a message, or sends a broken one.',
  trailer: 'Trailer fields are dropped, both ways.',
  upgrade: 'It is about `CONNECT`, `Upgrade` or an informational answer.',
  connection: 'It checks something that belongs to one connection; a gateway has one on each side.',
  proxy: 'It is about fields that each proxy adds or removes.',
  refused: 'The message is invalid, and the gateway refuses it as the RFCs say.',
  timing: 'Its outcome changes from run to run; three runs have shown it.',
} as const;

export type ReasonKind = keyof typeof reasonKinds;

/** A reason for differences, and the tests that have it. */
export interface Reason {
  readonly kind: ReasonKind;
  /** One or two sentences. */
  readonly why: string;
  /** Titles of tests by file: `'test/res.js': ['res .send() should set body']`. */
  readonly tests: Readonly<Record<string, readonly string[]>>;
}

/** @returns the tests of a reason as results name them. */
export function testsOf({ tests }: Reason): string[] {
  return Object.entries(tests).flatMap(([file, titles]) => titles.map((title) => testName(file, title)));
}

/** @returns how results name a test: `test/res.js: res .send() should set body`. */
export function testName(file: string, title: string): string {
  return `${file}: ${title}`;
}
