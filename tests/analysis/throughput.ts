import type { Ring } from '#shared/ring/ring.ts';
import { seededRandom } from '../chaos/random.ts';
import { simulateBounded } from './bounded.ts';
import { boundedIds, gatewayChooses, seededIds } from './choose.ts';
import type { Choose } from './choose.ts';
import { Client, sendAll } from './client.ts';
import type { Outcome } from './client.ts';
import { expectedShares, ringWith } from './expected-shares.ts';
import { percentile } from './spread.ts';
import type { Strategy } from './strategy.ts';
import type { System } from './system.ts';

/** The result of sending requests to N replicas. */
export interface ThroughputRun {
  readonly replicas: readonly string[];
  readonly requests: number;
  /** The number of answers whose `Ringpost-Replica` names the replica. */
  readonly counts: readonly number[];
  /** The expected share of each replica, by the ring. */
  readonly shares: readonly number[];
  /** Whether the shares are exact and the requests independent; otherwise the shares are simulated. */
  readonly exact: boolean;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Requests that did not end in 2xx, by code. */
  readonly failures: ReadonlyMap<string, number>;
}

export interface ThroughputOptions {
  readonly strategy: Strategy;
  /** The current number of replicas: S1, S2 …, in order of joining. */
  readonly replicas: number;
  readonly requests: number;
  /** Requests under way at a time. */
  readonly connections: number;
  /** Makes the ids the same in each run. If undefined, the gateway draws them. */
  readonly seed: number | undefined;
  /** Is called after each request. */
  readonly onEnded: () => void;
}

/** Requests of the warm-up, as a share of the counted ones. They open connections and get code compiled. */
const warmUp = 0.2;
/** Requests of the simulation: many more than are sent, so that its result is close to the expectation. */
const simulated = 200_000;

/** Sends the requests and counts the answers of each replica. */
export async function measureThroughput(system: System, options: ThroughputOptions): Promise<ThroughputRun> {
  const { strategy, replicas, requests, connections, seed, onEnded } = options;
  const ring = ringWith(strategy.parameters, replicas);
  const client = new Client(system.url, chooser(strategy, ring, seed), connections);
  try {
    await sendAll(client, Math.ceil(warmUp * requests), connections, () => undefined);
    const started = performance.now();
    const outcomes = await sendAll(client, requests, connections, onEnded);
    const seconds = (performance.now() - started) / 1000;
    const names = ring.members.map(({ name }) => name);
    const times = outcomes.map(({ sent, ended }) => ended - sent);
    return {
      replicas: names,
      requests,
      counts: names.map((name) => outcomes.filter(({ replica }) => replica === name).length),
      shares: sharesOf(strategy, ring, connections),
      exact: !strategy.bounded,
      perSecond: outcomes.length / seconds,
      p50Ms: percentile(times, 50),
      p99Ms: percentile(times, 99),
      failures: failuresOf(outcomes),
    };
  } finally {
    await client.close();
  }
}

/** @returns how ids are chosen. With a bound the client always draws them, by default with seed 1. */
function chooser({ bounded }: Strategy, ring: Ring, seed: number | undefined): Choose {
  if (bounded) return boundedIds(ring, seededRandom(seed ?? 1));
  return seed === undefined ? gatewayChooses : seededIds(ring, seededRandom(seed));
}

/** @returns the expected shares: exact, or simulated for a bounded strategy. */
function sharesOf({ bounded }: Strategy, ring: Ring, connections: number): number[] {
  if (!bounded) return expectedShares(ring);
  const counts = simulateBounded(ring, {
    requests: simulated,
    inFlight: connections,
    random: seededRandom(1),
  });
  return counts.map((count) => count / simulated);
}

/** @returns the number of failed requests by code. */
export function failuresOf(outcomes: readonly Outcome[]): ReadonlyMap<string, number> {
  const failures = new Map<string, number>();
  for (const { failure } of outcomes)
    if (failure !== undefined) failures.set(failure, (failures.get(failure) ?? 0) + 1);
  return failures;
}
