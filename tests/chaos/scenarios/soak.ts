import { setTimeout as delay } from 'node:timers/promises';
import { deadlyPrefixes } from '../bad-traffic/soak-kinds.ts';
import { aboutSlowest, cleanKills, maxAloneMs, slowestDuring, withoutDelayed } from '../clean-kills.ts';
import type { CleanKill, Death, DoneFault } from '../clean-kills.ts';
import { now } from '../clock.ts';
import type { LedgerLine } from '../ledger.ts';
import type { LoadOptions } from '../load.ts';
import type { RequestRecord } from '../record.ts';
import type { Outcome, Scenario, ScenarioContext } from '../scenario.ts';
import type { Choose } from '../soak-fault.ts';
import { addOrRemove, anyKinds, chooseFault } from '../soak-faults.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';
import type { Run } from '../stage.ts';
import { HealthWatch } from '../wholeness.ts';
import type { Calm } from '../wholeness.ts';

/** A request runs at most five times before it is poison. A `FLUSHALL` may erase the count once. */
const maxPoisonRuns = 10;

/** What differs between soaks. */
export interface SoakKind {
  readonly name: string;
  /** Its first part; what all soaks expect follows. */
  readonly what: string;
  readonly replicas: number;
  /** One server by default. */
  readonly redis?: 'single' | 'sentinel' | 'cluster';
  readonly kinds: readonly Choose[];
  /** The bound on answers while nothing is wrong except one killed worker, in ms. */
  readonly aloneMs: number;
  /** Whether requests of one key wait for each other, wherever they run. */
  readonly limitsKeys?: boolean;
  /** Of all processes. */
  readonly settings?: NodeJS.ProcessEnv;
  readonly settingsOf?: (member: string) => NodeJS.ProcessEnv;
  /** The load of one run. */
  readonly load?: (seed: number) => Partial<LoadOptions>;
  /** What a run has to show besides, for the note, and what it did not. */
  readonly shows?: (run: Run, folder: string) => Promise<Shown>;
}

export interface Shown {
  readonly notes: readonly string[];
  readonly unmet: readonly string[];
}

const ofEverySoak = (aloneMs: number): string =>
  'Nothing is lost, no POST runs twice, every GET ends in 2xx. If a worker is killed and nothing else is ' +
  `wrong, no answer takes ${aloneMs / 1000} s. If a worker of the same replica died in the half minute ` +
  'before, there may be suspects, which run first: the bound is then longer by 5 s and by the delay after ' +
  'which a crash loop restarts. A GET of the load that was running at three deaths may be taken for a ' +
  'poison request and end in 502 `worker_died`; the note counts these.';

const faultsOfEverySoak =
  'kill -9, SIGTERM and freezing of workers, gateways, controllers and Redis; cut connections; Redis full, ' +
  'read-only or emptied; replicas added and removed; streams, each byte of which is checked; and bad ' +
  'traffic: requests that end their workers, floods of hostile heads, clients that leave, giant answers, ' +
  'handlers that compute for seconds or fail after they have answered, garbled jobs.';

/** @returns the scenario of a soak. */
export function soakOf(kind: SoakKind): Scenario {
  const { name, what, aloneMs } = kind;
  return {
    name,
    description: `${what} ${ofEverySoak(aloneMs)}`,
    run: (context) => play(kind, context),
  };
}

const ordinary: Omit<SoakKind, 'name' | 'what'> = {
  replicas: 5,
  kinds: [...anyKinds, addOrRemove()],
  aloneMs: maxAloneMs,
};

export const soak = soakOf({
  name: 'soak',
  what:
    'Three gateways, two controllers and five replicas under 64 connections, with a random fault every 1 to ' +
    `4 s: ${faultsOfEverySoak}`,
  ...ordinary,
});

const onGroup = (where: string): string =>
  `The soak with ${where}. Faults of Redis hit the master. Instead of a read-only Redis there are planned ` +
  'switches to a replica.';

/** The same, with servers of which another one may become the master at any time. */
export const groupSoaks: readonly Scenario[] = [
  soakOf({
    name: 'sentinel-soak',
    what: onGroup('a master with two replicas and three sentinels'),
    redis: 'sentinel',
    ...ordinary,
  }),
  soakOf({ name: 'cluster-soak', what: onGroup('a Cluster of six nodes'), redis: 'cluster', ...ordinary }),
];

async function play(kind: SoakKind, context: ScenarioContext): Promise<Outcome> {
  const { seconds, seed, folder } = context;
  const { replicas, redis, settings = {}, settingsOf, load, kinds, aloneMs, shows } = kind;
  const done: DoneFault[] = [];
  let calms: readonly Calm[] = [];
  const options = {
    gateways: 3,
    controllers: 2,
    replicas,
    settings,
    ...(redis === undefined ? {} : { redis }),
    ...(settingsOf === undefined ? {} : { settingsOf }),
    ...(load === undefined ? {} : { load: load(seed + 2) }),
    mayMistakeForPoison: true,
  };
  const run = await underLoad(context, options, async ({ cluster, random, fault }) => {
    const healthWatch = new HealthWatch(cluster);
    const background: Promise<void>[] = [];
    const failures: unknown[] = [];
    const meanwhile = (work: () => Promise<void>): void => {
      background.push(work().catch((error: unknown) => void failures.push(error)));
    };
    const disturbMeanwhile = (work: () => Promise<void>): void => meanwhile(() => healthWatch.during(work()));
    const end = now() + seconds * 1000;
    for (;;) {
      await delay(random.between(1000, 4000));
      if (now() > end) break;
      const chosen = await chooseFault({ cluster, random, meanwhile, disturbMeanwhile }, kinds);
      healthWatch.disturb();
      done.push({ ...chosen, at: now() });
      await fault(`${chosen.kind} ${chosen.detail}`, () => chosen.act());
      healthWatch.disturb();
    }
    await Promise.all(background);
    try {
      if (failures.length > 0) throw new AggregateError(failures, String(failures[0]));
      await cluster.untilHealthy();
    } finally {
      await healthWatch.stop();
      ({ calms } = healthWatch);
    }
  });
  const { verdict, ledger } = run;
  const killed = cleanKills(done, calms, deathsOf(ledger), aloneMs);
  const judged = (kill: CleanKill): readonly RequestRecord[] =>
    kind.limitsKeys === true ? withoutDelayed(run.records, kill) : run.records;
  const kills = judgeKills(run, killed, judged, aloneMs, context.workshop.say);
  const poisons = Map.groupBy(
    ledger.filter(({ id }) => id.startsWith(deadlyPrefixes.poison)),
    ({ id }) => id,
  );
  const maxRuns = Math.max(0, ...[...poisons.values()].map(({ length }) => length));
  const shown = (await shows?.(run, folder)) ?? { notes: [], unmet: [] };
  const unmet = [
    ...run.unmet,
    ...unexpectedCodes(verdict, ['outcome_unknown', 'connection_lost', 'worker_died']),
    ...(maxRuns > maxPoisonRuns ? [`a poison request was run ${maxRuns} times`] : []),
    ...shown.unmet,
  ];
  const notes = [
    `${done.length} faults`,
    `worker kills: ${kills.note}`,
    `${poisons.size} poison requests, run ${maxRuns} times at most`,
    `${verdict.mistakenForPoison.length} requests of the load taken for poison requests`,
    ...shown.notes,
  ];
  return {
    rows: [
      {
        what: `${redis === undefined ? '' : `${redis}: `}${seconds} s, seed ${seed}`,
        verdict,
        note: notes.join('; '),
      },
    ],
    unmet,
    late: kills.late,
  };
}

function judgeKills(
  { ledger }: Run,
  kills: readonly CleanKill[],
  judgedBy: (kill: CleanKill) => readonly RequestRecord[],
  aloneMs: number,
  say: (line: string) => void,
): { readonly note: string; readonly late: readonly string[] } {
  const timed = kills.map((kill) => ({ ...kill, ms: Math.round(slowestDuring(judgedBy(kill), kill)) }));
  for (const { detail, at, over, ms, maxMs } of timed) {
    const recovery = Math.round(over - at);
    say(
      `    alone: kill -9 worker ${detail}, healthy ${recovery} ms later, slowest answer ${ms} ms, ` +
        `bound ${maxMs} ms`,
    );
  }
  const count = (what: string, some: readonly { readonly ms: number }[]): string =>
    some.length === 0
      ? `0 ${what}`
      : `${some.length} ${what}, slowest answer ${Math.max(...some.map(({ ms }) => ms))} ms`;
  const alone = timed.filter(({ maxMs }) => maxMs === aloneMs);
  const repeated = timed.filter(({ maxMs }) => maxMs !== aloneMs);
  return {
    note: `${count('alone', alone)}; ${count('soon after another death', repeated)}`,
    late: timed
      .filter(({ ms, maxMs }) => ms >= maxMs)
      .map(
        ({ ms, ...kill }) =>
          `an answer took ${ms} ms (bound: ${kill.maxMs}) while only a worker was killed (${kill.detail}), ` +
          `healthy ${Math.round(kill.over - kill.at)} ms later; in ms from the kill: ` +
          aboutSlowest(judgedBy(kill), ledger, kill),
      ),
  };
}

/** @returns the deaths that requests of the soak have caused. */
function deathsOf(ledger: readonly LedgerLine[]): Death[] {
  const deadly = Object.values(deadlyPrefixes);
  return ledger.flatMap(({ id, replica, at }) =>
    deadly.some((prefix) => id.startsWith(prefix)) ? [{ replica, at }] : [],
  );
}
