/**
 * Runs the tests of the checkout in the working directory with the checkout's Mocha (6 or later), and appends
 * one line of JSON for each test to the file that `SUITES_RESULTS` names. It does not use Mocha's command
 * line, since that of older versions does not start on newer Node.
 */
import { appendFileSync, globSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { argv, cwd, env, exit } from 'node:process';
import { inspect } from 'node:util';
import type { MochaOptions } from './suite.ts';

/** The part of Mocha's test that is used here. */
interface MochaTest {
  readonly file?: string;
  fullTitle(): string;
}

interface Runner {
  on(event: 'pass' | 'pending', listener: (test: MochaTest) => void): Runner;
  on(event: 'fail', listener: (test: MochaTest, error: unknown) => void): Runner;
}

interface Mocha {
  addFile(file: string): void;
  checkLeaks(): void;
  /** Since Mocha 7.1. It supports ES modules. */
  loadFilesAsync?(): Promise<void>;
  run(done: () => void): Runner;
}

interface MochaClass {
  new (options: { readonly timeout: number; readonly reporter: unknown }): Mocha;
  /** `Base` prints nothing. */
  readonly reporters: { readonly Base: unknown };
}

// Read now, since a test may change the working directory.
const root = cwd();
const results = env['SUITES_RESULTS'] ?? '';

function record(test: MochaTest, state: string, error: unknown = ''): void {
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
    // Some suites leave servers open, and their own command lines force the exit too.
    exit();
  })
  .on('pass', (test) => record(test, 'passed'))
  .on('fail', (test, error) => record(test, 'failed', error))
  .on('pending', (test) => record(test, 'skipped'));
