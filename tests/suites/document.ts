import type { SuiteRuns } from './run-all.ts';
export function document(runs: readonly SuiteRuns[]): string {
  return String(runs.length);
}
