import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { CommandLine } from './command-line.ts';
import { curveNames, measureGrowth } from './growth/measure-growth.ts';
import { describeMachine } from './machine.ts';
import { playInterleaved } from './interleaved.ts';
import { installBenchPackages } from './packages.ts';
import type { Missing, Results } from './results.ts';
import { playRounds } from './rounds.ts';
import { provide } from './servers/install.ts';
import type { ServerName } from './servers/servers.ts';
import { ours, systems } from './systems/all.ts';
import { ringpostBefore, ringpostOf } from './systems/ringpost.ts';
import type { System } from './systems/system.ts';

type Say = (line: string) => void;

/** Measures the systems of the command line. */
export async function compare(options: CommandLine, say: Say): Promise<Results> {
  const { plan, quick } = options;
  const wanted = wantedSystems(options);
  await installBenchPackages(say);
  const absent = await prepare(
    wanted.flatMap(({ needs }) => needs),
    say,
  );
  const missing: Missing[] = wanted.flatMap(({ name, needs }) => {
    const why = needs.flatMap((need) => absent.get(need) ?? []).join('; ');
    return why === '' ? [] : [{ system: name, why }];
  });
  const runnable = wanted.filter(({ name }) => !missing.some(({ system }) => system === name));
  const facts = { date: new Date().toISOString(), quick, plan, machine: await describeMachine() };
  const play = plan.starts === undefined ? playRounds : playInterleaved;
  const rounds = await inFolder(say, (folder) => play(runnable, plan, folder, say));
  return {
    ...facts,
    systems: wanted.map(({ name, title, durable, settings }) => ({ name, title, durable, settings })),
    samples: rounds.samples,
    missing: [...missing, ...rounds.missing],
  };
}

/** Measures the cost of a request as the system grows. */
export async function grow({ only, plan, quick }: CommandLine, say: Say): Promise<Results> {
  refuseUnknown(only, curveNames);
  const [why] = (await prepare(['redis-server'], say)).values();
  if (why !== undefined) throw new Error(why);
  const facts = { date: new Date().toISOString(), quick, plan, machine: await describeMachine() };
  const depth = quick ? 10_000 : 100_000;
  const { missing, ...growth } = await inFolder(say, (folder) =>
    measureGrowth({ plan, only, depth, folder, say }),
  );
  return { ...facts, systems: [], samples: [], missing, growth: { ...growth, date: facts.date } };
}

/** @returns the systems of the command line; another checkout of ringpost comes right after ours. */
function wantedSystems({ only, before, after }: CommandLine): readonly System[] {
  const all = systems.flatMap((system) => {
    if (system !== ours) return [system];
    return [
      after === undefined ? ours : ringpostOf(resolve(after)),
      ...(before === undefined ? [] : [ringpostBefore(resolve(before))]),
    ];
  });
  refuseUnknown(
    only,
    all.map(({ name }) => name),
  );
  if (only.length > 0) return all.filter(({ name }) => only.includes(name));
  return before === undefined ? all : all.slice(0, 2);
}

function refuseUnknown(names: readonly string[], known: readonly string[]): void {
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(', ')}; --list names what there is`);
}

/**
 * Installs missing programs if that is allowed.
 * @returns for each program that is still missing the reason.
 * @throws Error if the load generator is missing.
 */
async function prepare(needs: readonly ServerName[], say: Say): Promise<Map<ServerName, string>> {
  const absent = await provide(['wrk', ...needs], say);
  const noLoad = absent.get('wrk');
  if (noLoad !== undefined) throw new Error(noLoad);
  return absent;
}

/** Calls `use` with a temporary folder, and keeps the folder if something failed. */
async function inFolder<T extends { readonly missing: readonly Missing[] }>(
  say: Say,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'ringpost-bench-')));
  const result = await use(folder);
  if (result.missing.length === 0) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  else say(`logs of the failures: ${folder}`);
  return result;
}
