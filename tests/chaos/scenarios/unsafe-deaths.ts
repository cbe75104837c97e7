import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findNotesFolder } from '../../../worker/notes/notes-folder.ts';
import { removeNotes } from '../../fixtures/left-notes.ts';
import type { Cluster, ClusterOptions, MemberRole } from '../cluster.ts';
import type { LoadOptions } from '../load.ts';
import { failureCode, finalResult, isSuccess, sentAt } from '../record.ts';
import { killAndReplace, signalIfThere, workerOf } from '../replica-faults.ts';
import type { Outcome, Scenario, ScenarioContext } from '../scenario.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';
import type { Fault, Run } from '../stage.ts';

/** How the workers die. */
interface Deaths {
  readonly name: string;
  /** Resolves once the next worker of the replica is ready. */
  readonly act: (cluster: Cluster, replica: string) => Promise<void>;
  readonly settings: NodeJS.ProcessEnv;
  /** How many connections send POSTs, in one run after the other. */
  readonly connections: readonly number[];
  /** What must hold of a run of this checkout. @returns sentences on what does not. */
  readonly judge: (price: Price) => string[];
}

type Methods = Required<Pick<LoadOptions, 'methods'>>;

/** What the deaths of a run have cost. */
interface Price {
  readonly deaths: number;
  /** How many POSTs ended with `outcome_unknown`. */
  readonly unknown: number;
  readonly mostAtOnce: number;
  /** How many of them the handler never had. */
  readonly notBegun: number;
  /** When the last of these was sent, in ms after the worker was frozen. */
  readonly lastSentMs: number;
}

const replicas = 5;
/** How many deaths a run has. There are two runs of each kind if another checkout is given. */
const deathsInRun = 8;
/** How long a request takes at most, in ms. */
const workMs = 50;
/** Of a frozen worker: as short as CI allows, in ms. */
const leaseMs = 1000;
/** For how long after its last word a worker is given such requests, with such a lease or a longer one. */
const windowMs = 250;
/** The suite finds out which process to end after it has noted the time of the fault, in ms. */
const slackMs = 150;

const killed = { name: 'killed', act: killAndReplace, settings: {}, connections: [4, 16, 64] };
const frozen = {
  name: 'frozen',
  act: freeze,
  settings: { LEASE_MS: String(leaseMs) },
  connections: [16, 64],
};

export const unsafeDeaths: readonly Scenario[] = [
  {
    name: 'unsafe-kill',
    description:
      `kill -9 of the workers of ${replicas} replicas in turn, under a steady load of POSTs of 4, 16 and 64 ` +
      'connections. What no handler had begun runs on the next worker, but for one POST a kill, and nothing ' +
      'is done twice. With `--before <folder>` another checkout runs in turns; so do the next three.',
    missing: withoutNotes,
    run: (context) => runAll(context, { ...killed, judge: fewUnbegun }),
  },
  {
    name: 'unsafe-kill-far',
    description:
      'The same with 16 and 64 connections, and with the notes of the killed workers removed, as if the next ' +
      `one were on another host: nothing that was sent later than ${windowMs} ms after the kill is unknown.`,
    missing: withoutNotes,
    run: (context) =>
      runAll(context, {
        ...killed,
        name: 'killed, notes removed',
        act: farAway('SIGKILL'),
        connections: [16, 64],
        judge: noneAfterWindow,
      }),
  },
  {
    name: 'unsafe-freeze',
    description:
      'SIGSTOP of workers past their lease under the same load, then SIGCONT. What no handler had begun runs ' +
      'on the next worker, but for one POST a freeze.',
    missing: withoutNotes,
    run: (context) => runAll(context, { ...frozen, judge: fewUnbegun }),
  },
  {
    name: 'unsafe-freeze-far',
    description:
      'The same with the notes of the frozen workers removed: nothing that was sent later than ' +
      `${windowMs} ms after the freeze is unknown.`,
    missing: withoutNotes,
    run: (context) =>
      runAll(context, {
        ...frozen,
        name: 'frozen, notes removed',
        act: farAway('SIGSTOP'),
        judge: noneAfterWindow,
      }),
  },
];

export const mixedReleases: Scenario = {
  name: 'mixed-releases',
  description:
    'Gateways of this checkout with controllers and workers of another one (`--before <folder>`), and the ' +
    'other way round: kill -9 of workers under a load of GETs and POSTs. Every GET ends in 2xx, a POST in ' +
    '2xx or 502 `outcome_unknown`, and nothing is done twice.',
  missing: ({ before }) => (before === undefined ? 'it needs --before' : undefined),
  run: async (context) => {
    const outcomes: Outcome[] = [];
    for (const old of ['gateway', 'controller'] as const) {
      const what =
        old === 'gateway' ? 'old gateways, new workers killed' : 'new gateways, old workers killed';
      const folder = join(context.folder, old);
      await mkdir(folder);
      const checkoutOf = (role: MemberRole): string | undefined =>
        role === old ? context.before : undefined;
      const deaths = { name: 'killed', act: killAndReplace, settings: {}, methods: ['GET', 'POST'] as const };
      const run = await runOnce({ ...context, folder }, deaths, 32, checkoutOf);
      const unmet = [...run.unmet, ...unexpectedCodes(run.verdict, ['outcome_unknown'])];
      outcomes.push({ rows: [{ what, verdict: run.verdict, note: told(priceOf(run)) }], unmet });
    }
    return joined(outcomes);
  },
};

function withoutNotes(): string | undefined {
  return findNotesFolder(process.env) === undefined ? 'there is no folder in memory' : undefined;
}

function joined(outcomes: readonly Outcome[]): Outcome {
  return { rows: outcomes.flatMap(({ rows }) => rows), unmet: outcomes.flatMap(({ unmet }) => unmet) };
}

async function runAll(context: ScenarioContext, deaths: Deaths): Promise<Outcome> {
  const { before } = context;
  const checkouts = before === undefined ? [undefined] : [undefined, before, before, undefined];
  const outcomes: Outcome[] = [];
  for (const connections of deaths.connections) {
    for (const [at, checkout] of checkouts.entries()) {
      const release = checkout === undefined ? '' : 'before: ';
      const what = `${release}workers ${deaths.name}, POSTs of ${connections} connections`;
      const folder = join(context.folder, `${connections}-${at}`);
      await mkdir(folder);
      context.workshop.say(`    ${what}`);
      const own = { ...context, folder, seed: context.seed + at };
      const checkoutOf = checkout === undefined ? undefined : (): string => checkout;
      const run = await runOnce(own, { ...deaths, methods: ['POST'] }, connections, checkoutOf);
      const price = priceOf(run);
      const failed = [...run.unmet, ...unexpectedCodes(run.verdict, ['outcome_unknown'])];
      if (checkout === undefined) failed.push(...deaths.judge(price));
      const unmet = failed.map((sentence) => `${what}: ${sentence}`);
      outcomes.push({ rows: [{ what, verdict: run.verdict, note: told(price) }], unmet });
    }
  }
  return joined(outcomes);
}

function runOnce(
  context: ScenarioContext,
  { name, act, settings, methods }: Pick<Deaths, 'name' | 'act' | 'settings'> & Methods,
  connections: number,
  checkoutOf: ClusterOptions['checkoutOf'],
): Promise<Run> {
  const load = { connections, workMs, methods };
  const options = { gateways: 2, controllers: 1, replicas, settings, load, checkoutOf };
  return underLoad(context, options, async (stage) => {
    for (let at = 0; at < deathsInRun; at += 1) {
      const replica = `S${(at % replicas) + 1}`;
      await stage.fault(`${name} ${replica}`, () => act(stage.cluster, replica));
      await stage.cluster.untilReady(replicas);
      await stage.load.answered(connections * 10);
    }
  });
}

async function freeze(cluster: Cluster, replica: string): Promise<void> {
  const { pid, generation } = await workerOf(cluster, replica);
  process.kill(pid, 'SIGSTOP');
  await cluster.untilReplaced(replica, generation);
  signalIfThere(pid, 'SIGCONT');
}

/** @returns what ends a worker and removes its file, without which nobody can know what it has begun. */
function farAway(signal: 'SIGKILL' | 'SIGSTOP'): Deaths['act'] {
  return async (cluster, replica) => {
    const { pid, generation } = await workerOf(cluster, replica);
    process.kill(pid, signal);
    await removeNotes((_, writer) => writer === pid);
    await cluster.untilReplaced(replica, generation);
    if (signal === 'SIGSTOP') signalIfThere(pid, 'SIGCONT');
  };
}

function priceOf({ records, ledger, faults }: Run): Price {
  const begun = new Set(ledger.map(({ id }) => id));
  const unknown = records.filter((record) => {
    const result = finalResult(record);
    return !isSuccess(result) && failureCode(result) === 'outcome_unknown';
  });
  const notBegun = unknown.filter(({ id }) => !begun.has(id));
  const byDeath = Map.groupBy(unknown, (record) => faultOf(faults, record.attempts.at(-1)?.ended ?? 0));
  const sent = notBegun.map((record) => sentAt(record) - (faultOf(faults, sentAt(record))?.from ?? 0));
  return {
    deaths: faults.length,
    unknown: unknown.length,
    mostAtOnce: Math.max(0, ...[...byDeath.values()].map(({ length }) => length)),
    notBegun: notBegun.length,
    lastSentMs: Math.max(0, ...sent.filter((ms) => ms < leaseMs)),
  };
}

function faultOf(faults: readonly Fault[], time: number): Fault | undefined {
  return faults.findLast(({ from }) => from <= time);
}

function told({ deaths, unknown, mostAtOnce, notBegun, lastSentMs }: Price): string {
  const each = (unknown / deaths).toFixed(1);
  const late = notBegun === 0 ? '' : `, sent up to ${Math.round(lastSentMs)} ms after it`;
  return `${each} \`outcome_unknown\` a death, at most ${mostAtOnce}; ${notBegun} in all not begun${late}`;
}

/** A batch is noted before the first of its handlers is called, and the worker may die then. */
function fewUnbegun({ notBegun, deaths }: Price): string[] {
  return notBegun <= deaths ? [] : [`${notBegun} POSTs ended with outcome_unknown and were not begun`];
}

function noneAfterWindow({ lastSentMs }: Price): string[] {
  return lastSentMs <= windowMs + slackMs
    ? []
    : [`a POST sent ${Math.round(lastSentMs)} ms after the fault ended with outcome_unknown`];
}
