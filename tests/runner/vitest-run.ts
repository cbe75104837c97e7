import type { CliOptions, TestCase, TestModule } from 'vitest/node';
import { startVitest } from 'vitest/node';
import { firstLine, outsideErrorOf, outsideText, withOutsideErrors } from './outside-errors.ts';
import type { FileResult } from './summary.ts';

/** What a run found. */
export interface Run {
  readonly results: readonly FileResult[];
  /** A text for each failure that belongs to no result. */
  readonly strays: readonly string[];
}

/**
 * Runs some projects to their end and closes all that they need.
 * @param beside whether another run prints at the same time; then neither of them redraws lines.
 */
export async function runProjects(
  names: readonly string[],
  filters: readonly string[],
  options: CliOptions,
  beside: boolean,
): Promise<Run> {
  if (names.length === 0) return { results: [], strays: [] };
  const vitest = await startVitest([...filters], {
    ...options,
    run: true,
    watch: false,
    project: [...names],
    ...(beside ? { reporters: [['default', { summary: false }]] } : {}),
  });
  const errors = vitest.state.getUnhandledErrors();
  const run = withOutsideErrors(
    vitest.state.getTestModules().map(resultOf),
    errors.map((error) => outsideErrorOf(error, vitest.config.root)),
  );
  // Every project here has a file to run. If vitest ran none, it has only printed why, e.g. that the global
  // setup failed.
  const ranNone = run.results.length === 0 && !vitest.config.passWithNoTests;
  return ranNone ? { ...run, strays: [...run.strays, `${names.join(', ')}: no file was run`] } : run;
}

function resultOf(module: TestModule): FileResult {
  const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
  const failures: string[] = [];
  const skipReasons: string[] = [];
  for (const test of module.children.allTests()) {
    const result = test.result();
    count[result.state] += 1;
    if (result.state === 'failed') failures.push(failureOf(test));
    if (result.state === 'skipped' && result.note !== undefined) skipReasons.push(result.note);
  }
  // Errors while the file was loaded, and of hooks that run once for a suite or the file.
  const errors = [module, ...module.children.allSuites()].flatMap((suite) => suite.errors());
  const isLoaded = module.children.size > 0;
  for (const { message } of errors)
    failures.push(isLoaded ? outsideText(message) : `it could not be loaded: ${firstLine(message)}`);
  if (module.state() === 'failed' && failures.length === 0) failures.push('it could not be loaded');
  const { duration, setupDuration } = module.diagnostic();
  return {
    file: module.relativeModuleId,
    tookMs: duration + setupDuration,
    passed: count.passed,
    skipped: count.skipped + count.pending,
    skipReasons,
    failures,
  };
}

function failureOf(test: TestCase): string {
  const [error] = test.result().errors ?? [];
  return `${test.fullName}: ${firstLine(error?.message ?? 'it has no error')}`;
}
