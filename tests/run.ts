/**
 * `npm test`: runs every test that this machine can run. At the end it says how long that took, which files
 * were the slowest, and which tests it could not run and why. Further arguments are vitest's own, e.g. `npm
 * test -- tests/unit/plan.test.ts` or `npm test -- --project integration -t 'lease'`. `--short` runs a few
 * files which together use all that is stored in Redis; `RINGPOST_TEST_REDIS` chooses that Redis.
 */
import { fileURLToPath } from 'node:url';
import { parseCLI } from 'vitest/node';
import { compileCache } from './fixtures/command.ts';
import { processorTimeMs } from './runner/processor-time.ts';
import { testProjects } from './runner/projects.ts';
import type { Lane, Need, TestProject } from './runner/projects.ts';
import { selectProjects } from './runner/selection.ts';
import { shortList } from './runner/short-list.ts';
import { hasFailed, runFailedAgain } from './runner/second-run.ts';
import { countLine, durationLine, failureLines, skipLines, slowestFiles } from './runner/summary.ts';
import { runProjects } from './runner/vitest-run.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @returns the projects that can run here, and a line for each of the others that says why it cannot. */
async function checkNeeds(projects: readonly TestProject[]): Promise<[TestProject[], string[]]> {
  const needs = new Set(projects.flatMap((project) => project.needs));
  // The module loads much that a run of unit tests does not need.
  const { whyMissing } = needs.size === 0 ? { whyMissing: undefined } : await import('./runner/machine.ts');
  const missing = new Map<Need, string>();
  for (const need of needs) {
    const reason = await whyMissing?.(need);
    if (reason !== undefined) missing.set(need, reason);
  }
  const runnable: TestProject[] = [];
  const left: string[] = [];
  for (const project of projects) {
    const reasons = project.needs.flatMap((need) => missing.get(need) ?? []);
    if (reasons.length === 0) runnable.push(project);
    else left.push(`  ${project.name} tests: ${reasons.join('; ')}`);
  }
  return [runnable, left];
}

async function missingComposeCommands(): Promise<string[]> {
  const { composeCommands } = await import('./fixtures/compose-commands.ts');
  const { missing } = await composeCommands();
  return missing.map(({ name }) => `  docker tests of the compose file with ${name}: it is not installed`);
}

async function missingForeignPrograms(): Promise<string[]> {
  const { missingPrograms } = await import('./fixtures/programs.ts');
  return missingPrograms();
}

async function main(given: readonly string[]): Promise<void> {
  const started = performance.now();
  const short = shortList(process.env['RINGPOST_TEST_REDIS']);
  const args = given.flatMap((arg) => (arg === '--short' ? short : [arg]));
  // For the processes in which vitest runs test files.
  process.env['NODE_COMPILE_CACHE'] ??= compileCache;
  const { filter: filters, options } = parseCLI(['vitest', 'run', ...args]);
  const named = options.project ?? [];
  const wanted = { filters, projects: typeof named === 'string' ? [named] : named };
  const [runnable, left] = await checkNeeds(selectProjects(testProjects, wanted, root));
  if (runnable.some(({ name }) => name === 'docker')) left.push(...(await missingComposeCommands()));
  if (runnable.some(({ name }) => name === 'integration' || name === 'e2e-alone'))
    left.push(...(await missingForeignPrograms()));

  const namesOf = (some: readonly TestProject[]): string[] => some.map(({ name }) => name);
  const namesIn = (...lanes: Lane[]): string[] =>
    namesOf(runnable.filter(({ lane }) => lanes.includes(lane)));
  const together = namesIn('first', 'together');
  const engine = namesIn('engine');
  const beside = together.length > 0 && engine.length > 0;
  const runs = await Promise.all([
    runProjects(together, filters, options, beside),
    runProjects(engine, filters, options, beside),
  ]);
  runs.push(await runProjects(namesIn('alone'), filters, options, false));
  const { results, mended } = await runFailedAgain(
    runs.flatMap((run) => run.results),
    async (file) => {
      const run = await runProjects(namesOf(runnable), [file], options, false);
      runs.push(run);
      return run.results;
    },
  );
  // vitest sets the exit code when a file fails, and leaves it when the file passes in a second run.
  const strays = runs.flatMap((run) => run.strays);
  if (mended.length > 0 && strays.length === 0 && !results.some(hasFailed)) process.exitCode = 0;

  const say = (...lines: readonly string[]): void => void process.stdout.write(`${lines.join('\n')}\n`);
  const slowest = slowestFiles(results);
  if (slowest.length > 0) say('', 'The slowest files:', ...slowest);
  if (left.length > 0) say('', 'Not run on this machine:', ...left);
  const skips = skipLines(results);
  if (skips.length > 0) say('', 'Skipped:', ...skips);
  if (results.length === 0) {
    say('', `No test that can run on this machine matches ${args.join(' ')}`);
    process.exitCode ||= 1;
  }
  say('', durationLine(results.length, performance.now() - started, processorTimeMs()));
  const again = failureLines(mended).map((line) =>
    line.replace('failed', 'failed beside others, passed alone'),
  );
  if (again.length > 0) say(...again);
  const failed = failureLines(results, strays);
  if (failed.length > 0) say(...failed);
  // vitest sets the exit code of this process.
  say(countLine(results, strays.length, (process.exitCode ?? 0) === 0));
}

await main(process.argv.slice(2));
