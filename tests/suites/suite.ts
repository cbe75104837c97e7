/** What Mocha is told, as the suite's own script tells it. */
export interface MochaOptions {
  /** Globs of the files. */
  readonly files: readonly string[];
  /** Modules that are loaded before. */
  readonly requires?: readonly string[];
  readonly checkLeaks?: boolean;
  /** Milliseconds that a test may take. */
  readonly timeoutMs?: number;
}

/** What runs a suite. */
export type TestRunner =
  | { readonly kind: 'mocha'; readonly options: MochaOptions }
  | { readonly kind: 'node' }
  | { readonly kind: 'vitest' };

/** The test suite of another project. */
export interface Suite {
  /** The folder in `SUITES_DIR` that has its checkout. */
  readonly name: string;
  /** `owner/name` on GitHub. */
  readonly repository: string;
  /** The version that the reasons were proven with. */
  readonly version: string;
  readonly commit: string;
  /** What makes the checkout ready, after `npm install`. */
  readonly build?: string;
  /** A file that `build` makes. */
  readonly built?: string;
  readonly runner: TestRunner;
}
