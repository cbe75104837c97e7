/**
 * The kinds of reasons why a test may have another outcome through a gateway, with their text in the
 * document. Any other difference is a bug of ringpost.
 */
export const reasonKinds = {
  stream:
    'The test checks the parts of a body. Requests are sent whole, and so are answers that end within 5 ms; ' +
    'parts of longer answers that come within 5 ms are joined.',
  abort: 'One side disconnects in the middle of a message, or sends a broken one.',
  trailer: 'Trailer fields are dropped, in both directions.',
  upgrade: 'The test uses `CONNECT`, `Upgrade` or an informational answer.',
  connection: 'The test checks a property of one connection; a gateway has one on each side.',
  proxy: 'The test checks fields that every proxy adds or removes.',
  refused: 'The message is invalid, and the gateway refuses it as the RFCs require.',
  timing: 'The outcome of the test varies from run to run, as three runs have shown.',
} as const;

export type ReasonKind = keyof typeof reasonKinds;

/** A reason for differences, and its tests. */
export interface Reason {
  readonly kind: ReasonKind;
  /** One or two sentences. */
  readonly why: string;
  /** Titles of tests by file: `'test/res.js': ['res .send() should set body']`. */
  readonly tests: Readonly<Record<string, readonly string[]>>;
}

/** @returns the names of a reason's tests, as in the results. */
export function testsOf({ tests }: Reason): string[] {
  return Object.entries(tests).flatMap(([file, titles]) => titles.map((title) => testName(file, title)));
}

/** @returns the name of a test in the results, e.g. `test/res.js: res .send() should set body`. */
export function testName(file: string, title: string): string {
  return `${file}: ${title}`;
}
