import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { startProgram } from '../chaos/program.ts';
import { readResults } from './results.ts';
import type { Results } from './results.ts';
import type { Suite } from './suite.ts';

/** Longer than any of the suites takes, in ms. */
const timeoutMs = 300_000;
const siblingFile = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

export interface RunOptions {
  /** The suite's checkout. */
  readonly checkout: string;
  /** The folder for `<name>.results` and `<name>.log`. */
  readonly folder: string;
  readonly name: string;
  /** The port of the gateway to redirect client connections through; undefined: none. */
  readonly gatewayPort: number | undefined;
}

/**
 * Runs a suite in its own process.
 * @returns the outcomes of its tests.
 * @throws Error if it does not finish.
 */
export async function runSuite({ runner }: Suite, options: RunOptions): Promise<Results> {
  const { checkout, folder, name, gatewayPort } = options;
  const results = join(folder, `${name}.results`);
  const through =
    gatewayPort === undefined
      ? {}
      : {
          NODE_OPTIONS: `--import=${pathToFileURL(siblingFile('through-gateway.ts')).href}`,
          SUITES_GATEWAY_PORT: String(gatewayPort),
        };
  const program = await startProgram({
    command: process.execPath,
    args: argumentsFor(runner, results),
    env: { NODE_ENV: 'test', SUITES_RESULTS: results, ...through },
    cwd: checkout,
    logFile: join(folder, `${name}.log`),
  });
  const timer = setTimeout(() => program.kill('SIGKILL'), timeoutMs);
  await program.exited;
  clearTimeout(timer);
  return readResults(runner, results, checkout);
}

function argumentsFor(runner: Suite['runner'], results: string): string[] {
  if (runner.kind === 'mocha') return [siblingFile('mocha-run.ts'), JSON.stringify(runner.options)];
  if (runner.kind === 'vitest')
    return ['node_modules/vitest/vitest.mjs', 'run', '--reporter=json', `--outputFile=${results}`];
  const reporter = `--test-reporter=${pathToFileURL(siblingFile('node-test-lines.ts')).href}`;
  const destination = `--test-reporter-destination=${results}`;
  // A test that fails may leave its server open, so the exit is forced. That would lose output of child
  // processes, so all tests run in one process.
  const isolation = ['--test-isolation=none', '--test-force-exit', '--test-timeout=10000'];
  return ['--test', ...isolation, reporter, destination];
}
