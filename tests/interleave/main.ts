/** Runs schedules of the whole system in one process: `npm run interleave -- --minutes 10 --seed 1`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { guards } from './guards.ts';
import type { Guard } from './guards.ts';
import { Harness } from './harness.ts';
import { real } from './floor/node-globals.ts';
import type { Outcome } from './schedule.ts';
import { scenarios } from './scenarios.ts';
import { kindOf } from './shrink.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    /** Ends after so many seeds. */
    seeds: { type: 'string', default: '1000000000' },
    /** The name of a guard that is taken out: a seed has to fail. */
    guard: { type: 'string' },
    seed: { type: 'string', default: '1' },
    /** The distance from one seed to the next. */
    step: { type: 'string', default: '1' },
    /** So many processes share the seeds. Each has its own Redis, and uses about one core. */
    jobs: { type: 'string', default: '1' },
    replay: { type: 'string' },
    /** Plays the scenarios: all of them, or with `--guard` that of the guard, with each step. */
    scenarios: { type: 'boolean', default: false },
    /** Where failing schedules are written. */
    failures: { type: 'string', default: '.ringpost/interleave' },
  },
});
/** How long a failing schedule is made simpler, in ms. */
const shrinkMs = 45_000;
/** Of each kind of failure, so many are made simpler. */
const shrunkOfKind = 1;

const harness = await Harness.start();
let failed = 0;
try {
  if (Number(values.jobs) > 1) await runInJobs(Number(values.jobs));
  else if (values.scenarios) await playScenarios();
  else if (values.replay === undefined) await runSeeds();
  else await replay(values.replay);
} finally {
  await harness.stop();
}
process.exitCode = failed === 0 ? 0 : 1;

/** @param given a seed, a file with decisions, or a folder of such files. */
async function replay(given: string): Promise<void> {
  if (!/^\d+$/.test(given) && statSync(given).isDirectory()) {
    for (const file of readdirSync(given)) await replayQuietly(`${given}/${file}`);
    return;
  }
  const outcome = /^\d+$/.test(given)
    ? await harness.runSeed(Number(given), true)
    : await harness.replay(readChoices(given), true);
  if (outcome.failure !== undefined) failed += 1;
  print(`${outcome.world}\n${outcome.trace.join('\n')}\n${outcome.failure ?? 'no failure'}`);
}

/** Each scenario passes, and fails if the guard that it is about is taken out. */
async function playScenarios(): Promise<void> {
  if (values.guard === undefined) await checkReplay(421);
  for (const { guard, scenario } of scenarios) {
    if (values.guard !== undefined && guard !== values.guard) continue;
    const traced = values.guard !== undefined;
    const sound = await harness.play(scenario, traced);
    const putBack = harness.without(guardOf(guard));
    const broken = await harness.play(scenario, traced);
    putBack();
    if (traced) print(broken.alsoWrong.join('\n'));
    if (traced) print([...sound.trace, `--- without ${guard}`, ...broken.trace].join('\n'));
    if (sound.failure !== undefined || broken.failure === undefined) failed += 1;
    print(`${scenario.name}: ${sound.failure ?? 'no failure'}`);
    print(`  without ${guard}: ${broken.failure ?? 'NO FAILURE'}`);
  }
}

/** A seed is replayed step by step, whatever ran before it, and so are its decisions alone. */
async function checkReplay(seed: number): Promise<void> {
  const first = await harness.runSeed(seed, true);
  await harness.runSeed(seed + 1);
  const second = await harness.runSeed(seed, true);
  const third = await harness.replay(first.choices, true);
  for (const [name, { trace }] of Object.entries({ seed: second, decisions: third })) {
    const at = first.trace.findIndex((step, n) => step !== trace[n]);
    if (at < 0) continue;
    failed += 1;
    print(`seed ${seed} is not replayed by its ${name}: ${first.trace[at]}, then ${trace[at] ?? 'nothing'}`);
  }
}

function guardOf(wanted: string): Guard {
  const guard = guards.find(({ name }) => name === wanted);
  if (guard === undefined) throw new Error(`no guard is ${wanted}`);
  return guard;
}

async function replayQuietly(file: string): Promise<void> {
  const { failure } = await harness.replay(readChoices(file));
  if (failure !== undefined) failed += 1;
  print(`${file}: ${failure ?? 'no failure'}`);
}

/** Has other processes run the seeds. */
async function runInJobs(jobs: number): Promise<void> {
  const ends = Array.from({ length: jobs }, async (_, at) => {
    const seed = String(Number(values.seed) + at);
    const shares = ['--jobs', '1', '--seed', seed, '--step', String(jobs)];
    // What comes last counts.
    const args = [...process.argv.slice(1), ...shares];
    const [code] = (await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'exit')) as [
      number | null,
    ];
    if (code !== 0) failed += 1;
  });
  await Promise.all(ends);
}

async function runSeeds(): Promise<void> {
  const began = real.now();
  const until = began + Number(values.minutes) * 60_000;
  const kinds = new Map<string, number>();
  let [schedules, commands, faults] = [0, 0, 0];
  const [first, step] = [Number(values.seed), Number(values.step)];
  const guard = values.guard === undefined ? undefined : guardOf(values.guard);
  if (guard !== undefined) harness.without(guard);
  for (let seed = first; seed < first + Number(values.seeds) && real.now() < until; seed += step) {
    const outcome = await harness.runSeed(seed);
    schedules += 1;
    commands += outcome.executed;
    faults += outcome.faults;
    if (outcome.failure === undefined) continue;
    failed += 1;
    const kind = kindOf(outcome.failure);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    print(`seed ${seed}: ${outcome.failure} (${outcome.world})`);
    if (guard !== undefined) break;
    if ((kinds.get(kind) ?? 0) <= shrunkOfKind) await keep(seed, outcome);
  }
  const minutes = (real.now() - began) / 60_000;
  print(
    `${schedules} schedules, ${Math.round(schedules / minutes)} a minute, ` +
      `${Math.round(commands / schedules)} commands and ${(faults / schedules).toFixed(1)} faults each`,
  );
  for (const [kind, count] of kinds) print(`${count} times: ${kind}`);
}

/** Makes a failing schedule simpler, and writes it to a file. */
async function keep(seed: number, outcome: Outcome): Promise<void> {
  const choices = await harness.shrink(outcome, shrinkMs);
  const { world, failure } = await harness.replay(choices);
  mkdirSync(values.failures, { recursive: true });
  const file = `${values.failures}/${seed}.json`;
  writeFileSync(file, `${JSON.stringify({ world, failure, choices })}\n`);
  print(`  made simpler: ${choices.filter((each) => each > 0).length} decisions (${world})`);
  print(`  npm run interleave -- --replay ${file}`);
}

function readChoices(file: string): readonly number[] {
  const kept = JSON.parse(readFileSync(file, 'utf8')) as { choices: readonly number[] }; // `keep` writes it
  return kept.choices;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
