import type { Difference } from './differences.ts';
import { passed } from './results.ts';
import type { Results } from './results.ts';
import type { SuiteRuns } from './run-all.ts';

/** Prints a line. */
export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Prints the result of a suite, and what needs attention. */
export function tellSuite({ suite, direct, through, comparison }: SuiteRuns): void {
  const counts = (runs: readonly Results[]): string => runs.map((run) => passed(run)).join(', ');
  say(`${suite.name}: passed ${counts(direct)} directly, ${counts(through)} through the gateway`);
  for (const difference of comparison.unexplained) tellDifference(difference);
  for (const test of comparison.stale) say(`  has a reason but does not differ: ${test}`);
  tellVarying('directly', direct);
  tellVarying('through', through);
}

function tellDifference({ test, direct, through }: Difference): void {
  say(`  without a reason: ${test}`);
  say(`    directly: ${direct?.state ?? 'not run'} ${firstLine(direct?.message)}`);
  say(`    through:  ${through?.state ?? 'not run'} ${firstLine(through?.message)}`);
}

function tellVarying(way: string, runs: readonly Results[]): void {
  for (const test of new Set(runs.flatMap((run) => [...run.keys()]))) {
    const times = runs.filter((run) => run.get(test)?.state === 'passed').length;
    if (times > 0 && times < runs.length) say(`  passed ${times} of ${runs.length} times ${way}: ${test}`);
  }
}

function firstLine(message = ''): string {
  return message.split('\n', 1)[0]?.slice(0, 300) ?? '';
}
