import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../clock.ts';
import type { RequestRecord } from '../record.ts';
import { endedAt, sentAt } from '../record.ts';
import type { Scenario } from '../scenario.ts';
import { chooseFault } from '../soak-faults.ts';
import type { SoakFault } from '../soak-faults.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';
import { Wholeness } from '../wholeness.ts';
import type { Calm } from '../wholeness.ts';

/** A fault of the soak with the time at which it was done. */
interface Done extends SoakFault {
  readonly at: number;
}

/** A second death of a replica within this time is taken for a crash loop, which backs off on purpose; in ms. */
const crashLoopMs = 30_000;
/** No answer may take longer while nothing is amiss but a worker that was killed, in ms. */
const mostMs = 2000;

export const soak: Scenario = {
  name: 'soak',
  description:
    'Three gateways, two controllers and five replicas under 64 connections, and every 1 to 4 s a fault at random: ' +
    'kill -9, SIGTERM and freezing of workers, gateways, controllers and Redis, connections cut, Redis full, ' +
    'read-only or emptied, replicas added and removed. Nothing is lost, nothing unsafe is done twice, every GET ends ' +
    'in 2xx; while a worker is killed and nothing else is amiss no answer takes 2 s.',
  run: async (context) => {
    const { seconds } = context;
    const done: Done[] = [];
    let calms: readonly Calm[] = [];
    const run = await underLoad(
      context,
      { gateways: 3, controllers: 2, replicas: 5 },
      async ({ cluster, random, fault }) => {
        const wholeness = new Wholeness(cluster);
        const background: Promise<void>[] = [];
        const failures: unknown[] = [];
        const meanwhile = (work: () => Promise<void>): void => {
          background.push(work().catch((error: unknown) => void failures.push(error)));
        };
        const end = now() + seconds * 1000;
        for (;;) {
          await delay(random.between(1000, 4000));
          if (now() > end) break;
          const chosen = await chooseFault({ cluster, random, meanwhile });
          wholeness.disturb();
          done.push({ ...chosen, at: now() });
          await fault(`${chosen.kind} ${chosen.detail}`, () => chosen.act());
          wholeness.disturb();
        }
        await Promise.all(background);
        try {
          if (failures.length > 0) throw new AggregateError(failures, String(failures[0]));
          await cluster.untilWhole();
        } finally {
          await wholeness.stop();
          ({ calms } = wholeness);
        }
      },
    );
    const clean = cleanKills(done, calms);
    const times = clean.map((kill) => {
      const ms = slowestDuring(run.records, kill);
      context.workshop.say(
        `    alone: kill -9 worker ${kill.detail}, all well ${Math.round(kill.over - kill.at)} ms later, slowest answer ${Math.round(ms)} ms`,
      );
      return ms;
    });
    const slowest = Math.round(Math.max(0, ...times));
    const unmet = [
      ...run.unmet,
      ...unexpectedCodes(run.verdict, ['outcome_unknown', 'connection_lost']),
      ...(slowest >= mostMs ? [`an answer took ${slowest} ms while only a worker was killed`] : []),
    ];
    const kills = clean.length === 0 ? 'none alone' : `${clean.length} alone, slowest answer ${slowest} ms`;
    return {
      rows: [
        {
          what: `${seconds} s, seed ${context.seed}`,
          verdict: run.verdict,
          note: `${done.length} faults; worker kills: ${kills}`,
        },
      ],
      unmet,
    };
  },
};

/** A worker killed while nothing else was amiss, until all was well again. */
interface CleanKill {
  /** Since when all had been well. */
  readonly calmSince: number;
  readonly at: number;
  readonly over: number;
  readonly detail: string;
}

function cleanKills(done: readonly Done[], calms: readonly Calm[]): CleanKill[] {
  return done.flatMap((fault, index) => {
    if (fault.kind !== 'kill -9 worker') return [];
    const { at, replica } = fault;
    const before = calms.findLast(({ from }) => from < at);
    const after = calms.find(({ from }) => from > at);
    const next = done[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    const again = done
      .slice(0, index)
      .some((other) => other.replica === replica && at - other.at < crashLoopMs);
    const calm = before !== undefined && before.to >= at - 50;
    return calm && after !== undefined && after.from < next && !again
      ? [{ calmSince: before.from, at, over: after.from, detail: fault.detail }]
      : [];
  });
}

function slowestDuring(records: readonly RequestRecord[], { calmSince, at, over }: CleanKill): number {
  const times = records
    .filter((record) => sentAt(record) > calmSince && sentAt(record) <= over && endedAt(record) >= at)
    .map((record) => endedAt(record) - sentAt(record));
  return times.reduce((most, time) => Math.max(most, time), 0);
}
