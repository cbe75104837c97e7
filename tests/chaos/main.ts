/**
 * `npm run chaos`: does to a running system what kills systems, under load, and holds what the clients were told
 * against what the replicas did. `--list` names the scenarios.
 */
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseCommandLine } from './command-line.ts';
import type { CommandLine } from './command-line.ts';
import { report } from './report.ts';
import type { Result } from './report.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios/all.ts';
import { line } from './table.ts';
import { openWorkshop } from './workshop.ts';
import type { Workshop } from './workshop.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(asked: CommandLine): Promise<number> {
  if (asked.list) {
    for (const { name, description } of scenarios) say(`${name}: ${description}`);
    return 0;
  }
  const unknown = asked.scenarios.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown.length > 0) throw new Error(`there is no scenario ${unknown.join(', ')}; --list names them`);
  const workshop = await openWorkshop(say);
  const results: Result[] = [];
  for (const scenario of scenarios) {
    if (asked.scenarios.length > 0 && !asked.scenarios.includes(scenario.name)) continue;
    const first = asked.seed ?? randomInt(2 ** 31);
    const runs = scenario.name === 'soak' ? asked.soaks : 1;
    for (let at = 0; at < runs; at += 1) results.push(await play(scenario, workshop, asked, first + at));
  }
  const failed = results.filter(({ unmet }) => unmet.length > 0);
  await workshop.close(failed.length > 0);
  if (asked.report !== undefined) await writeFile(asked.report, report(results, asked.seconds));
  const skipped = results.filter(({ skipped: why }) => why !== undefined);
  for (const { scenario, skipped: why } of skipped) say(`not run: ${scenario.name}: ${why}`);
  say(
    `${results.length - failed.length - skipped.length} passed, ${failed.length} failed, ${skipped.length} skipped`,
  );
  return failed.length === 0 ? 0 : 1;
}

async function play(
  scenario: Scenario,
  workshop: Workshop,
  { seconds }: CommandLine,
  seed: number,
): Promise<Result> {
  const skipped = scenario.missing?.();
  if (skipped !== undefined) return { scenario, seed, rows: [], unmet: [], skipped };
  // On a machine that is busy with other things, times say little.
  const [load = 0] = loadavg();
  say(`${scenario.name} (seed ${seed}, load average ${load.toFixed(1)})`);
  const folder = await workshop.folderFor(scenario.name);
  try {
    const { rows, unmet } = await scenario.run({ workshop, folder, seed, seconds });
    for (const row of rows) say(`  ${line(row)}`);
    for (const sentence of unmet) say(`  NOT MET: ${sentence}`);
    if (unmet.length === 0) await workshop.forget(folder);
    else say(`  logs, ledger and evidence: ${folder}`);
    return { scenario, seed, rows, unmet };
  } catch (error) {
    say(`  FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    say(`  logs: ${folder}`);
    return { scenario, seed, rows: [], unmet: [error instanceof Error ? error.message : String(error)] };
  }
}

try {
  process.exitCode = await main(parseCommandLine(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
