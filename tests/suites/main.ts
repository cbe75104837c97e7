/**
 * `npm run suites`: runs the test suites of other projects twice, directly and with their client connections
 * redirected through a gateway, and writes `docs/compatibility.md`. `SUITES_DIR` has the checkouts. It exits
 * with 1 if a difference has no reason in `reasons.json`, or a reason has no difference.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openWorkshop } from '../chaos/workshop.ts';
import { commitOf, missing } from './checkouts.ts';
import { parseCommandLine } from './command-line.ts';
import type { CommandLine } from './command-line.ts';
import { document } from './document.ts';
import { runAll } from './run-all.ts';
import { say, tellSuite } from './tell.ts';

async function main({ suites, times, report }: CommandLine): Promise<number> {
  const directory = process.env['SUITES_DIR'];
  const problems = missing(directory, suites);
  if (directory === undefined || problems.length > 0) {
    process.stderr.write(`${problems.join('\n')}\n`);
    return 1;
  }
  for (const { name, commit } of suites) {
    const found = await commitOf(join(directory, name));
    if (found !== commit) say(`${name}: the checkout is at ${found}; the reasons are for ${commit}`);
  }
  const workshop = await openWorkshop(say, 'suites');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      rmSync(workshop.folder, { recursive: true, force: true, maxRetries: 5 });
      process.exit(1);
    });
  }
  let succeeded = false;
  try {
    const runs = await runAll(workshop, directory, suites, times);
    for (const run of runs) tellSuite(run);
    succeeded = runs.every(({ comparison }) => comparison.unexplained.length + comparison.stale.length === 0);
    if (report !== undefined && succeeded) {
      writeFileSync(report, document(runs));
      say(`wrote ${report}`);
    }
  } finally {
    if (!succeeded) say(`results and logs: ${workshop.folder}`);
    await workshop.close(!succeeded);
  }
  return succeeded ? 0 : 1;
}

try {
  process.exitCode = await main(parseCommandLine(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`suites: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
