/**
 * Runs the tests of the checkout in the working directory with its own Mocha (6 or later), and appends one
 * line of JSON for each test to the file that `SUITES_RESULTS` names. Mocha's command line is not used: that
 * of older versions does not start on newer Node.
 */
import { appendFileSync, globSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { argv, cwd, env, exit } from 'node:process';
import { inspect } from 'node:util';
import type { MochaOptions } from './suite.ts';

/** As far as it is used here. */
interface MochaTest {
  readonly file?: string;
  fullTitle(): string;
}

interface Runner {
  on(event: 'pass' | 'pending', heard: (test: MochaTest) => void): Runner;
  on(event: 'fail', heard: (test: MochaTest, error: unknown) => void): Runner;
}

interface Mocha {
  addFile(file: string): void;
  checkLeaks(): void;
  /** Since Mocha 7.1; it takes ES modules. */
  loadFilesAsync?(): Promise<void>;
  run(done: () => void): Runner;
}

interface MochaClass {
  new (options: { readonly timeout: number; readonly reporter: unknown }): Mocha;
  /** `Base` prints nothing. */
  readonly reporters: { readonly Base: unknown };
}

// A test may go elsewhere.
const root = cwd();
const results = env['SUITES_RESULTS'] ?? '';

function note(test: MochaTest, state: string, error: unknown = ''): void {
  const file = relative(root, test.file ?? '');
  const message = error instanceof Error ? error.message : error === '' ? '' : inspect(error);
  appendFileSync(results, `${JSON.stringify({ file, title: test.fullTitle(), state, message })}\n`);
}

const {
  files,
  requires = [],
  checkLeaks = false,
  timeoutMs = 2000,
} = JSON.parse(argv[2] ?? '') as MochaOptions;
const require = createRequire(join(root, 'package.json'));
const Mocha = require('mocha') as MochaClass; // Mocha's own export
const mocha = new Mocha({ timeout: timeoutMs, reporter: Mocha.reporters.Base });
if (checkLeaks) mocha.checkLeaks();
for (const name of requires) require(name);
for (const file of globSync([...files]).toSorted()) mocha.addFile(resolve(file));
await mocha.loadFilesAsync?.();
mocha
  .run(() => {
    appendFileSync(results, `${JSON.stringify({ end: true })}\n`);
    // Some suites leave servers open; their own command line ends so too.
    exit();
  })
  .on('pass', (test) => note(test, 'passed'))
  .on('fail', (test, error) => note(test, 'failed', error))
  .on('pending', (test) => note(test, 'skipped'));
