import { stripVTControlCharacters } from 'node:util';
import type { CliOptions, TestCase, Vitest } from 'vitest/node';
import { startVitest } from 'vitest/node';
import type { FileResult } from './summary.ts';

/** What a run found. */
export interface Run {
  readonly results: readonly FileResult[];
  /** Whether an error was thrown outside of all tests. */
  readonly unhandled: boolean;
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
  if (names.length === 0) return { results: [], unhandled: false };
  const vitest = await startVitest([...filters], {
    ...options,
    run: true,
    watch: false,
    project: [...names],
    ...(beside ? { reporters: [['default', { summary: false }]] } : {}),
  });
  return { results: resultsOf(vitest), unhandled: vitest.state.getUnhandledErrors().length > 0 };
}

function resultsOf(vitest: Vitest): FileResult[] {
  return vitest.state.getTestModules().map((module) => {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    const failures: string[] = [];
    for (const test of module.children.allTests()) {
      count[test.result().state] += 1;
      if (test.result().state === 'failed') failures.push(failureOf(test));
    }
    const { duration, setupDuration } = module.diagnostic();
    return {
      file: module.relativeModuleId,
      tookMs: duration + setupDuration,
      passed: count.passed,
      failed: count.failed,
      skipped: count.skipped + count.pending,
      broken: module.state() === 'failed' && count.passed + count.failed === 0,
      failures,
    };
  });
}

function failureOf(test: TestCase): string {
  const [error] = test.result().errors ?? [];
  const [firstLine = ''] = stripVTControlCharacters(error?.message ?? 'it has no error').split('\n');
  return `${test.fullName}: ${firstLine}`;
}
