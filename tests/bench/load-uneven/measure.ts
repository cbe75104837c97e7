import type { Role } from '../measure/cpu.ts';
import { arrivals, demand } from './arrivals.ts';
import type { OpenLoopClient, Observed } from './open-loop.ts';
import { shapes } from './plan.ts';
import type { LoadName, LoadPlan } from './plan.ts';
import type { Sample, Values } from './results.ts';
import type { Servers } from './servers.ts';
import type { Running } from './systems.ts';

export interface Measurement {
  readonly running: Running;
  readonly servers: Servers;
  readonly client: OpenLoopClient;
  /** The server that owns each key. */
  readonly owners: readonly number[];
  readonly load: LoadName;
  readonly serviceMs: number;
  readonly plan: LoadPlan;
  readonly seed: number;
}

/** A client that sends later than this is itself what is slow, in ms. */
const maxLagMs = 10;

/** Offers a load to a system, and waits for all answers. */
export async function measure({
  running,
  servers,
  client,
  owners,
  load,
  serviceMs,
  plan,
  seed,
}: Measurement): Promise<Pick<Sample, 'values' | 'faults'>> {
  const shape = shapes[load];
  const { slowdown = 1 } = shape;
  const requests = arrivals(shape, serviceMs, plan, seed);
  await servers.slowDown(slowdown);
  try {
    const before = await running.cpu();
    const observed = await client.send(requests);
    const after = await running.cpu();
    const ownerOf = (key: number): number => owners[key] ?? 0;
    const demands = demand(requests, ownerOf, { seconds: plan.seconds, slowdown });
    const values: Values = {
      ...valuesOf(observed, ownerOf),
      demand: 100 * Math.max(...demands),
      cpu: costs(before, after, requests.length),
    };
    const late = `the client sent ${values.lag.toFixed(0)} ms late; it is too slow for this load`;
    return { values, faults: values.lag > maxLagMs ? [late] : [] };
  } finally {
    await servers.slowDown(1);
  }
}

/** @returns what the client saw. */
export function valuesOf(
  { answers, lagsMs }: Observed,
  ownerOf: (key: number) => number,
): Omit<Values, 'demand' | 'cpu'> {
  const latencies = answers.flatMap(({ latencyMs }) => latencyMs ?? []);
  const right = answers.filter(({ server }) => server !== undefined);
  const elsewhere = right.filter(({ arrival, server }) => server !== ownerOf(arrival.key));
  const percentOf = (count: number): number => (100 * count) / Math.max(1, right.length);
  return {
    requests: answers.length,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    max: percentile(latencies, 1),
    failed: answers.length - right.length,
    elsewhere: percentOf(elsewhere.length),
    spilled: percentOf(right.filter(({ spilled }) => spilled).length),
    lag: percentile(lagsMs, 0.99),
  };
}

/** @returns the value that this part of all values do not exceed; NaN if there are none. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

function costs(
  before: ReadonlyMap<Role, number>,
  after: ReadonlyMap<Role, number>,
  requests: number,
): Record<string, number> {
  return Object.fromEntries(
    [...after].map(([role, time]) => [role, (time - (before.get(role) ?? 0)) / Math.max(1, requests)]),
  );
}
