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

/** What came of one kill -9 of a worker. All times are from the kill, in ms. */
export interface Kill {
  readonly victim: string;
  /** Its replacement is ready, so that the system has all its workers again. */
  readonly workersMs: number;
  /** Each replica has answered a request that was sent after the kill. */
  readonly allServeMs: number;
  /** The first answer to a request that was sent after the kill, for a key that the victim owns. */
  readonly keysMs: number;
  /** The longest that one of the requests around the kill took. */
  readonly slowestMs: number;
  /** Requests that were sent in the span around the kill. */
  readonly requests: number;
  /** Those that did not end in 2xx, by code. */
  readonly failures: ReadonlyMap<string, number>;
  readonly timeline: readonly Tick[];
}

export interface RecoveryOptions {
  readonly strategy: Strategy;
  readonly replicas: number;
  /** How often a worker is killed; the replicas take turns. */
  readonly kills: number;
  readonly perSecond: number;
  readonly seed: number | undefined;
  readonly onKilled: () => void;
}

/** What is looked at before a kill and after it, in ms. */
export const span = { before: 500, after: 1500 } as const;
/**
 * A worker that ends sooner after it was ready counts as one that crashes again and again, in ms; and a bit.
 */
const stableMs = 1000 + 200;

/** Kills workers under a steady load, one after the other, each when the one before is replaced. */
export async function measureRecovery(system: System, options: RecoveryOptions): Promise<Kill[]> {
  const { strategy, replicas, kills, perSecond, seed, onKilled } = options;
  const ring = ringWith(strategy.parameters, replicas);
  const names = ring.members.map(({ name }) => name);
  const random = seededRandom(seed ?? 1);
  // The client draws the ids, so that it knows whose they are.
  const choose = strategy.bounded ? boundedIds(ring, random) : seededIds(ring, random);
  const client = new Client(system.url, choose);
  const load = sendSteadily(client, perSecond);
  const seen: Omit<Moment, 'names'>[] = [];
  try {
    for (let at = 0; at < kills; at += 1) {
      await delay(span.before);
      const victim = names[at % names.length] ?? ''; // a remainder below the length
      const { pid, generation } = await system.worker(victim);
      const killed = now();
      process.kill(pid, 'SIGKILL');
      await system.untilReplaced(victim, generation);
      const workersMs = now() - killed;
      await until(`every replica has answered after the loss of ${victim}`, () =>
        Number.isFinite(allServeMs(load.outcomes, killed, names)),
      );
      await delay(Math.max(killed + span.after, killed + workersMs + stableMs - span.before) - now());
      seen.push({ victim, killed, workersMs });
      onKilled();
    }
  } finally {
    await load.stop();
    await client.close();
  }
  return seen.map((moment) => judge(load.outcomes, { ...moment, names }));
}

/** A kill as it was noted. */
interface Moment {
  readonly victim: string;
  /** Ms since the epoch. */
  readonly killed: number;
  readonly workersMs: number;
  readonly names: readonly string[];
}

/** Reads off the requests around a kill what it did to them. */
export function judge(all: readonly Outcome[], { victim, killed, workersMs, names }: Moment): Kill {
  const outcomes = all.filter(({ sent }) => sent >= killed - span.before && sent < killed + span.after);
  const keysMs = firstAnswerMs(outcomes, killed, ({ owner }) => owner === victim);
  return {
    victim,
    workersMs,
    allServeMs: allServeMs(outcomes, killed, names),
    keysMs,
    slowestMs: outcomes.reduce((most, { sent, ended }) => Math.max(most, ended - sent), 0),
    requests: outcomes.length,
    failures: failuresOf(outcomes),
    timeline: timelineOf(all, killed, span),
  };
}

/** @returns when the last of the replicas gave its first answer to a request sent after the kill. */
function allServeMs(outcomes: readonly Outcome[], killed: number, names: readonly string[]): number {
  return Math.max(...names.map((name) => firstAnswerMs(outcomes, killed, ({ replica }) => replica === name)));
}

/** @returns Infinity where there is none. */
function firstAnswerMs(
  outcomes: readonly Outcome[],
  killed: number,
  concerns: (outcome: Outcome) => boolean,
): number {
  return outcomes
    .filter((outcome) => outcome.sent > killed && outcome.failure === undefined && concerns(outcome))
    .reduce((least, { ended }) => Math.min(least, ended - killed), Number.POSITIVE_INFINITY);
}
