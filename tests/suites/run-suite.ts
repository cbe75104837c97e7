import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { startProgram } from '../chaos/program.ts';
import { readResults } from './results.ts';
import type { Results } from './results.ts';
import type { Suite } from './suite.ts';

/** Longer than any of the suites takes, in ms. */
const patienceMs = 300_000;
const own = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

export interface RunOptions {
  /** The suite's checkout. */
  readonly checkout: string;
  /** Where results and output are written, as `<name>.results` and `<name>.log`. */
  readonly folder: string;
  readonly name: string;
  /** The gateway that the client connections go through; undefined: none. */
  readonly gatewayPort: number | undefined;
}

/**
 * Runs a suite in a process of its own.
 * @returns what became of its tests.
 * @throws Error if it does not come to its end.
 */
export async function runSuite({ runner }: Suite, options: RunOptions): Promise<Results> {
  const { checkout, folder, name, gatewayPort } = options;
  const results = join(folder, `${name}.results`);
  const through =
    gatewayPort === undefined
      ? {}
      : {
          NODE_OPTIONS: `--import=${pathToFileURL(own('through-gateway.ts')).href}`,
          SUITES_GATEWAY_PORT: String(gatewayPort),
        };
  const program = await startProgram({
    command: process.execPath,
    args: argumentsFor(runner, results),
    env: { NODE_ENV: 'test', SUITES_RESULTS: results, ...through },
    cwd: checkout,
    logFile: join(folder, `${name}.log`),
  });
  const giveUp = setTimeout(() => program.kill('SIGKILL'), patienceMs);
  await program.exited;
  clearTimeout(giveUp);
  return readResults(runner, results, checkout);
}

function argumentsFor(runner: Suite['runner'], results: string): string[] {
  if (runner.kind === 'mocha') return [own('mocha-run.ts'), JSON.stringify(runner.options)];
  if (runner.kind === 'vitest')
    return ['node_modules/vitest/vitest.mjs', 'run', '--reporter=json', `--outputFile=${results}`];
  const reporter = `--test-reporter=${pathToFileURL(own('node-test-lines.ts')).href}`;
  const destination = `--test-reporter-destination=${results}`;
  // A test that fails may leave its server open. A forced exit loses lines of other processes, so there are
  // none.
  const ends = ['--test-isolation=none', '--test-force-exit', '--test-timeout=10000'];
  return ['--test', ...ends, reporter, destination];
}
