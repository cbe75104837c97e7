import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../chaos/clock.ts';
import { seededRandom } from '../chaos/random.ts';
import { boundedIds, seededIds } from './choose.ts';
import { Client, sendSteadily } from './client.ts';
import type { Outcome } from './client.ts';
import { ringWith } from './expected-shares.ts';
import type { Strategy } from './strategy.ts';
import { until } from './system.ts';
import type { System } from './system.ts';
import { failuresOf } from './throughput.ts';
import { timelineOf } from './timeline.ts';
import type { Tick } from './timeline.ts';

/** The effects of one kill -9 of a worker. All times are in ms from the kill. */
export interface Kill {
  readonly victim: string;
  /** Until its replacement is ready, so that the system has all its workers again. */
  readonly workersMs: number;
  /** Until each replica has answered a request that was sent after the kill. */
  readonly allServeMs: number;
  /** Until the first answer to a request for a key of the victim that was sent after the kill. */
  readonly keysMs: number;
  /** The longest time that a request around the kill took. */
  readonly slowestMs: number;
  /** The number of requests sent in the span around the kill. */
  readonly requests: number;
  /** Requests that did not end with 2xx, by code. */
  readonly failures: ReadonlyMap<string, number>;
  readonly timeline: readonly Tick[];
}

export interface RecoveryOptions {
  readonly strategy: Strategy;
  readonly replicas: number;
  /** How many workers are killed; the replicas take turns. */
  readonly kills: number;
  readonly perSecond: number;
  readonly seed: number | undefined;
  readonly onKilled: () => void;
}

/** The evaluated time before and after a kill, in ms. */
export const span = { before: 500, after: 1500 } as const;
/** A worker that dies sooner after it was ready counts as a repeated crash. In ms, with a margin. */
const stableMs = 1000 + 200;

/** Kills workers under a steady load, each after the previous one was replaced. */
export async function measureRecovery(system: System, options: RecoveryOptions): Promise<Kill[]> {
  const { strategy, replicas, kills, perSecond, seed, onKilled } = options;
  const ring = ringWith(strategy.parameters, replicas);
  const names = ring.members.map(({ name }) => name);
  const random = seededRandom(seed ?? 1);
  // The client draws the ids, so that it knows their owners.
  const choose = strategy.bounded ? boundedIds(ring, random) : seededIds(ring, random);
  const client = new Client(system.url, choose);
  const load = sendSteadily(client, perSecond);
  const moments: Omit<Moment, 'names'>[] = [];
  try {
    for (let at = 0; at < kills; at += 1) {
      await delay(span.before);
      const victim = names[at % names.length] ?? ''; // a remainder below the length
      const { pid, generation } = await system.worker(victim);
      const killed = now();
      process.kill(pid, 'SIGKILL');
      await system.untilReplaced(victim, generation);
      const workersMs = now() - killed;
      await until(`every replica has answered after the death of ${victim}`, () =>
        Number.isFinite(allServeMs(load.outcomes, killed, names)),
      );
      await delay(Math.max(killed + span.after, killed + workersMs + stableMs - span.before) - now());
      moments.push({ victim, killed, workersMs });
      onKilled();
    }
  } finally {
    await load.stop();
    await client.close();
  }
  return moments.map((moment) => judge(load.outcomes, { ...moment, names }));
}

/** The time of a kill and what was measured right then. */
interface Moment {
  readonly victim: string;
  /** In ms since the epoch. */
  readonly killed: number;
  readonly workersMs: number;
  readonly names: readonly string[];
}

/** Computes the effects of a kill from the requests around it. */
export function judge(all: readonly Outcome[], { victim, killed, workersMs, names }: Moment): Kill {
  const outcomes = all.filter(({ sent }) => sent >= killed - span.before && sent < killed + span.after);
  const keysMs = firstAnswerMs(outcomes, killed, ({ owner }) => owner === victim);
  return {
    victim,
    workersMs,
    allServeMs: allServeMs(outcomes, killed, names),
    keysMs,
    slowestMs: outcomes.reduce((max, { sent, ended }) => Math.max(max, ended - sent), 0),
    requests: outcomes.length,
    failures: failuresOf(outcomes),
    timeline: timelineOf(all, killed, span),
  };
}

/** @returns when the last of the replicas gave its first answer to a request sent after the kill. */
function allServeMs(outcomes: readonly Outcome[], killed: number, names: readonly string[]): number {
  return Math.max(...names.map((name) => firstAnswerMs(outcomes, killed, ({ replica }) => replica === name)));
}

/** @returns the time from the kill to the first answer; Infinity if there is none. */
function firstAnswerMs(
  outcomes: readonly Outcome[],
  killed: number,
  matches: (outcome: Outcome) => boolean,
): number {
  return outcomes
    .filter((outcome) => outcome.sent > killed && outcome.failure === undefined && matches(outcome))
    .reduce((min, { ended }) => Math.min(min, ended - killed), Number.POSITIVE_INFINITY);
}
