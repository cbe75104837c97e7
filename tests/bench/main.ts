/**
 * `npm run bench`: ringpost beside its peers, as real servers in the same run, in turns. `--help` has the options.
 */
import { readFile, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { help, parseCommandLine } from './command-line.ts';
import type { CommandLine } from './command-line.ts';
import { installPeers } from './install-peers.ts';
import { describeMachine } from './machine.ts';
import { ratiosJson } from './ratios.ts';
import { report } from './report/report.ts';
import type { Missing, Results } from './results.ts';
import { playRounds } from './rounds.ts';
import { provide } from './servers/install.ts';
import { ours, systems } from './systems/all.ts';
import type { System } from './systems/system.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(asked: CommandLine): Promise<number> {
  if (asked.list) {
    for (const { name, title } of systems) say(`${name}: ${title}`);
    return 0;
  }
  const results = asked.from === undefined ? await run(asked) : await readResults(asked.from);
  if (asked.json !== undefined) {
    const ratios = ratiosJson(results.samples, ours.name);
    await writeFile(asked.json, `${JSON.stringify({ ratios, ...results })}\n`);
  }
  if (asked.report !== undefined) await writeFile(asked.report, report(results, ours.name));
  for (const { system, round, why } of results.missing) {
    say(`left out: ${system}${round === undefined ? '' : ` in round ${round}`}: ${why}`);
  }
  const faulty = results.samples.filter(({ faults }) => faults.length > 0);
  for (const name of new Set(faulty.map(({ system }) => system))) {
    const count = faulty.filter(({ system }) => system === name).length;
    say(`wrong answers: ${name} in ${count} measurements`);
  }
  // A peer's faults are in the report; only our own are ours.
  const mine = (name: string): boolean => name.startsWith(ours.name);
  return faulty.some(({ system }) => mine(system)) || results.missing.some(({ system }) => mine(system))
    ? 1
    : 0;
}

/** Measures what was asked for. */
async function run({ only, plan, quick }: CommandLine): Promise<Results> {
  const unknown = only.filter((name) => !systems.some((system) => system.name === name));
  if (unknown.length > 0) throw new Error(`there is no system ${unknown.join(', ')}; --list names them`);
  const wanted = systems.filter(({ name }) => only.length === 0 || only.includes(name));
  await installPeers(say);
  const { runnable, missing } = await prepare(wanted);
  const machine = await describeMachine();
  const date = new Date().toISOString();
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'ringpost-bench-')));
  const rounds = await playRounds(runnable, plan, folder, say);
  if (rounds.missing.length === 0) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  else say(`logs of what failed: ${folder}`);
  return {
    date,
    quick,
    plan,
    machine,
    systems: wanted.map(({ name, title, durable, settings }) => ({ name, title, durable, settings })),
    samples: rounds.samples,
    missing: [...missing, ...rounds.missing],
  };
}

/** Installs what is missing, where it may. @throws Error where there is no load generator. */
async function prepare(wanted: readonly System[]): Promise<{ runnable: System[]; missing: Missing[] }> {
  const absent = await provide(['wrk', ...wanted.flatMap(({ needs }) => needs)], say);
  const noLoad = absent.get('wrk');
  if (noLoad !== undefined) throw new Error(noLoad);
  const missing = wanted.flatMap(({ name, needs }) => {
    const why = needs.flatMap((need) => absent.get(need) ?? []).join('; ');
    return why === '' ? [] : [{ system: name, why }];
  });
  return {
    runnable: wanted.filter(({ name }) => !missing.some(({ system }) => system === name)),
    missing,
  };
}

async function readResults(file: string): Promise<Results> {
  return JSON.parse(await readFile(file, 'utf8')) as Results; // as --json writes it
}

if (process.argv.includes('--help')) say(help);
else {
  try {
    process.exitCode = await main(parseCommandLine(process.argv.slice(2)));
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}
