/**
 * `npm test`: runs every test that this machine can run, in one run of vitest, and names at the end what it could
 * not run and why. Further arguments are vitest's own, e.g. `npm test -- tests/unit/plan.test.ts`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOrInstallRedis } from '../gateway/redis/redis-binary.ts';
import { findChromium } from './fixtures/chromium-binary.ts';
import { composeCommands } from './fixtures/compose-commands.ts';

/** A vitest project and what it needs of the machine. */
interface Project {
  readonly name: string;
  readonly needs: readonly (() => Promise<string | undefined>)[];
}

/** Vitest's JSON report, as far as it is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const needsRedis = askOnce(whyNoRedis);
const needsDocker = askOnce(whyNoDocker);

const projects: readonly Project[] = [
  { name: 'unit', needs: [] },
  { name: 'integration', needs: [needsRedis] },
  { name: 'e2e', needs: [needsRedis] },
  { name: 'browser', needs: [needsRedis, whyNoChromium] },
  // The container tests; they come with the docker driver.
  { name: 'docker', needs: [needsDocker] },
];

/** @returns why there is no Redis and none can be installed, or undefined where there is one now. */
async function whyNoRedis(): Promise<string | undefined> {
  try {
    await findOrInstallRedis({
      env: process.env,
      mayInstall: process.env['INSTALL_REDIS'] === 'yes',
      log: (line) => process.stderr.write(`${line}\n`),
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) return String(error);
    return typeof error.cause === 'string' ? `${error.message} (${error.cause})` : error.message;
  }
}

/** @returns why no browser can be started, or undefined if there is one. */
function whyNoChromium(): Promise<string | undefined> {
  return Promise.resolve(findChromium() === undefined ? 'there is no chromium on PATH' : undefined);
}

/** @returns why no Docker engine answers, or undefined where one does. */
async function whyNoDocker(): Promise<string | undefined> {
  const docker = spawn('docker', ['info', '--format', '{{.ServerVersion}}'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 20_000,
  });
  let said = '';
  docker.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = await once(docker, 'close').catch((error: unknown) => {
    said = String(error);
    return [1];
  });
  return code === 0
    ? undefined
    : `no Docker engine answers: ${said.trim().split('\n').at(-1) || 'docker info gave up'}`;
}

/** @returns the same question, asked once whoever asks. */
function askOnce<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => (answer ??= ask());
}

/** @returns the exit code of vitest. */
async function runVitest(args: readonly string[]): Promise<number> {
  const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '..', 'vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', ...args], { cwd: root, stdio: 'inherit' });
  // A terminal's Ctrl-C reaches vitest by itself; what it leaves is still to be said.
  const pass = (signal: NodeJS.Signals): void => void (signal === 'SIGTERM' && child.kill(signal));
  process.on('SIGINT', pass).on('SIGTERM', pass);
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}

async function readReport(file: string): Promise<Report | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Report); // as vitest writes it
}

async function main(extra: readonly string[]): Promise<number> {
  const runnable: string[] = [];
  const left: string[] = [];
  for (const { name, needs } of projects) {
    if (!existsSync(join(root, 'tests', name))) continue;
    const reasons = (await Promise.all(needs.map((need) => need()))).filter((reason) => reason !== undefined);
    if (reasons.length === 0) runnable.push(name);
    else left.push(`  ${name} tests: ${reasons.join('; ')}`);
  }
  if (runnable.includes('docker'))
    for (const { name } of (await composeCommands()).missing)
      left.push(`  docker tests of the compose file with ${name}: it is not installed`);
  const folder = await mkdtemp(join(tmpdir(), 'ringpost-test-report-'));
  const file = join(folder, 'report.json');
  try {
    const code = await runVitest([
      // Whoever names projects wants those.
      ...(extra.some((argument) => argument.startsWith('--project'))
        ? []
        : runnable.flatMap((name) => ['--project', name])),
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...extra,
    ]);
    const report = await readReport(file);
    if (left.length > 0) process.stdout.write(`\nNot run on this machine:\n${left.join('\n')}\n`);
    process.stdout.write(`\n${report === undefined ? 'vitest wrote no report' : summary(report, code)}\n`);
    return code;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param code what vitest exited with: an error outside of any test fails the run, but is in no count of its report. */
function summary(report: Report, code: number): string {
  // A file that could not even be loaded has no test that failed.
  const files = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  const counted = report.numFailedTests + files.length;
  const failed = code !== 0 && counted === 0 ? 1 : counted;
  const skipped = report.numPendingTests + report.numTodoTests;
  return `${report.numPassedTests} passed, ${failed} failed, ${skipped} skipped`;
}

process.exitCode = await main(process.argv.slice(2));
