import type { Row, Scenario } from './scenario.ts';
import { cells, columns } from './table.ts';

/** What came of one run of a scenario. */
export interface Result {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly rows: readonly Row[];
  readonly unmet: readonly string[];
  /** Why it was not run. */
  readonly skipped?: string;
}

export function report(results: readonly Result[], _seconds: number): string {
  return results
    .map(({ rows }) => rows.map((row) => cells(row).join('|')).join('\n'))
    .join(columns.join('|'));
}
