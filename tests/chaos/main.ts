/**
 * `npm run chaos`: injects faults into a running system under load, then compares what the clients were told
 * with what the replicas did. `--list` names the scenarios and their families.
 */
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseCommandLine } from './command-line.ts';
import type { CommandLine } from './command-line.ts';
import { report } from './report.ts';
import type { Result } from './report.ts';
import type { Scenario } from './scenario.ts';
import { families } from './scenarios/all.ts';
import type { FamilyName } from './scenarios/all.ts';
import { line } from './table.ts';
import { openWorkshop } from './workshop.ts';
import type { Workshop } from './workshop.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(asked: CommandLine): Promise<number> {
  if (asked.list) {
    for (const { name: family, scenarios } of families) {
      say(`${family}:`);
      for (const { name, description } of scenarios) say(`  ${name}: ${description}`);
    }
    return 0;
  }
  const chosen = choose(asked);
  const workshop = await openWorkshop(say);
  const results: Result[] = [];
  for (const { family, scenario } of chosen) {
    const first = asked.seed ?? randomInt(2 ** 31);
    const runs = family.startsWith('soak') ? asked.soaks : 1;
    for (let at = 0; at < runs; at += 1) {
      results.push({ ...(await play(scenario, workshop, asked, first + at)), family });
    }
  }
  const failed = results.filter(({ unmet }) => unmet.length > 0);
  await workshop.close(failed.length > 0);
  if (asked.report !== undefined) await writeFile(asked.report, report(results, asked.seconds));
  const skipped = results.filter(({ skipped: why }) => why !== undefined);
  for (const { scenario, skipped: why } of skipped) say(`not run: ${scenario.name}: ${why}`);
  const passed = results.length - failed.length - skipped.length;
  for (const { scenario, tooLateOnce = [], unmet } of results)
    if (tooLateOnce.length > 0 && unmet.length === 0)
      say(`too late once, in time when repeated: ${scenario.name}`);
  // In the form in which the tests name theirs.
  for (const { scenario, seed, unmet } of failed)
    for (const sentence of unmet) say(`  failed: chaos: ${scenario.name}, seed ${seed}: ${sentence}`);
  say(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
  return failed.length === 0 ? 0 : 1;
}

interface Chosen {
  readonly family: FamilyName;
  readonly scenario: Scenario;
}

/** @throws Error that names the unknown scenarios and families. */
function choose(asked: CommandLine): Chosen[] {
  const all = families.flatMap(({ name: family, scenarios }) =>
    scenarios.map((scenario): Chosen => ({ family, scenario })),
  );
  const unknown = [
    ...asked.scenarios.filter((name) => !all.some(({ scenario }) => scenario.name === name)),
    ...asked.families.filter((name) => !families.some((family) => family.name === name)),
  ];
  if (unknown.length > 0)
    throw new Error(`there is no scenario or family ${unknown.join(', ')}; --list names them`);
  if (asked.scenarios.length + asked.families.length === 0) return all;
  return all.filter(
    ({ family, scenario }) => asked.scenarios.includes(scenario.name) || asked.families.includes(family),
  );
}

/**
 * Runs a scenario. If only a bound on time is not met, it runs once more with the same seed, since something
 * else on the machine may have been the cause. What the clients were told is never judged twice.
 */
async function play(
  scenario: Scenario,
  workshop: Workshop,
  asked: CommandLine,
  seed: number,
  isRepeat = false,
): Promise<Omit<Result, 'family'>> {
  const { seconds, settings, before } = asked;
  const skipped = scenario.missing?.(asked);
  if (skipped !== undefined) return { scenario, seed, rows: [], unmet: [], skipped };
  // The load average is printed because measured times mean little on a busy machine.
  const [load = 0] = loadavg();
  say(`${scenario.name} (seed ${seed}, load average ${load.toFixed(1)})`);
  const folder = await workshop.folderFor(scenario.name);
  try {
    const context = { workshop, folder, seed, seconds, settings, before };
    const { rows, unmet, late = [] } = await scenario.run(context);
    for (const row of rows) say(`  ${line(row)}`);
    for (const sentence of unmet) say(`  NOT MET: ${sentence}`);
    for (const sentence of late)
      say(`  ${isRepeat || unmet.length > 0 ? 'NOT MET' : 'too late'}: ${sentence}`);
    if (unmet.length + late.length === 0) await workshop.forget(folder);
    else say(`  logs, ledger and evidence: ${folder}`);
    if (unmet.length > 0 || late.length === 0 || isRepeat)
      return { scenario, seed, rows, unmet: [...unmet, ...late] };
    say('  A bound on time was not met, and nothing else was wrong. It runs once more.');
    return { ...(await play(scenario, workshop, asked, seed, true)), tooLateOnce: late };
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
