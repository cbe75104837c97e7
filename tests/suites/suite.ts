/** Options for Mocha, as in the suite's own script. */
export interface MochaOptions {
  /** Globs of the files. */
  readonly files: readonly string[];
  /** Modules to load before the tests. */
  readonly requires?: readonly string[];
  readonly checkLeaks?: boolean;
  /** The timeout of a test, in ms. */
  readonly timeoutMs?: number;
}

/** How a suite is run. */
export type TestRunner =
  | { readonly kind: 'mocha'; readonly options: MochaOptions }
  | { readonly kind: 'node' }
  | { readonly kind: 'vitest' };

/** The test suite of another project. */
export interface Suite {
  /** The folder of its checkout in `SUITES_DIR`. */
  readonly name: string;
  /** `owner/name` on GitHub. */
  readonly repository: string;
  /** The version that the reasons apply to. */
  readonly version: string;
  readonly commit: string;
  /** The command that builds the checkout after `npm install`. */
  readonly build?: string;
  /** A file that `build` creates. */
  readonly built?: string;
  readonly runner: TestRunner;
}
