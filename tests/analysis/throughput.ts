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

/** What came of a number of requests to N replicas. */
export interface ThroughputRun {
  readonly replicas: readonly string[];
  readonly requests: number;
  /** Answers of each replica, by its own word (`Ringpost-Replica`). */
  readonly counts: readonly number[];
  /** The share of each replica that the ring makes expect. */
  readonly shares: readonly number[];
  /**
   * Whether the shares are exact, and the requests independent of each other; else they come from a
   * simulation.
   */
  readonly exact: boolean;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Requests that did not end in 2xx, by code. */
  readonly failures: ReadonlyMap<string, number>;
}

export interface ThroughputOptions {
  readonly strategy: Strategy;
  /** How many replicas the system has now: S1, S2 …, in order of joining. */
  readonly replicas: number;
  readonly requests: number;
  /** Requests under way at once. */
  readonly connections: number;
  /** Makes the ids the same in each run; undefined: the gateway draws them. */
  readonly seed: number | undefined;
  /** Called after each request. */
  readonly onEnded: () => void;
}

/** Requests before those that count, as a share of them: connections are made, code gets hot. */
const warmUp = 0.2;
/** Of the simulation, whose result is to be an expectation: many more than are sent. */
const simulated = 200_000;

/** Sends the requests and counts who answers. */
export async function measureThroughput(system: System, options: ThroughputOptions): Promise<ThroughputRun> {
  const { strategy, replicas, requests, connections, seed, onEnded } = options;
  const ring = ringWith(strategy.parameters, replicas);
  const client = new Client(system.url, chooser(strategy, ring, seed), connections);
  try {
    await sendAll(client, Math.ceil(warmUp * requests), connections, () => undefined);
    const began = performance.now();
    const outcomes = await sendAll(client, requests, connections, onEnded);
    const seconds = (performance.now() - began) / 1000;
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

/**
 * @returns who chooses for the requests of a strategy. Without a seed a bounded one has a fixed one: it needs
 * ids.
 */
function chooser({ bounded }: Strategy, ring: Ring, seed: number | undefined): Choose {
  if (bounded) return boundedIds(ring, seededRandom(seed ?? 1));
  return seed === undefined ? gatewayChooses : seededIds(ring, seededRandom(seed));
}

/** @returns the shares that are expected: exact, or of a bounded strategy those of the simulation. */
function sharesOf({ bounded }: Strategy, ring: Ring, connections: number): number[] {
  if (!bounded) return expectedShares(ring);
  const counts = simulateBounded(ring, {
    requests: simulated,
    inFlight: connections,
    random: seededRandom(1),
  });
  return counts.map((count) => count / simulated);
}

/** @returns how many requests ended with each code of failure. */
export function failuresOf(outcomes: readonly Outcome[]): ReadonlyMap<string, number> {
  const failures = new Map<string, number>();
  for (const { failure } of outcomes)
    if (failure !== undefined) failures.set(failure, (failures.get(failure) ?? 0) + 1);
  return failures;
}
