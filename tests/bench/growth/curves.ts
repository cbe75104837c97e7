import { ringpost } from '../systems/ringpost.ts';
import type { RunPlan } from '../run-plan.ts';
import type { Aof } from '../servers/redis.ts';
import { requestKinds, requestOf } from '../workload/requests.ts';
import type { RequestKind } from '../workload/requests.ts';
import type { System } from '../systems/system.ts';

/** One point of a curve: the defaults of `npm start` with one thing changed. */
export interface Variation {
  readonly curve: string;
  readonly value: string;
  readonly system: System;
  readonly workers: number;
  readonly env: NodeJS.ProcessEnv;
  readonly request: RequestKind;
  readonly connections: number;
  /** The length of the warm-up, as a multiple of the plan's. */
  readonly warmUps: number;
  /** If the number of connections for the warm-up differs from the default. */
  readonly warmUpConnections?: number;
}

const connections = 64;
/** Bodies of a megabyte fill pipes and processors even with few connections. */
const connectionsWithBodies = 16;
const usual = ringpost({ name: 'ringpost', title: 'ringpost', settings: '' });
const usualWorkers = 3;
const base = {
  system: usual,
  workers: usualWorkers,
  env: {},
  request: requestKinds.get,
  connections,
  warmUps: 1,
};
const replicas = [usualWorkers, 10, 50];
/** Connections per replica, about as many as each of three replicas has with 64. */
const connectionsEach = 21;

const bodies: readonly (readonly [name: string, bytes: number])[] = [
  ['none', 0],
  ['1 KB', 1024],
  ['64 KB', 65_536],
  ['1 MB', 1_048_576],
];
const policies: readonly Aof[] = ['off', 'everysec', 'always'];

/** The points of all curves. Each curve starts with its smallest value. */
export const variations: readonly Variation[] = [
  ...(['gateways', 'gateways and load'] as const).flatMap((curve) =>
    [1, 2, 4].map((gateways) => ({
      ...base,
      curve,
      value: String(gateways),
      warmUps: gateways,
      connections: curve === 'gateways' ? connections : gateways * connections,
      system: ringpost({ name: 'ringpost', title: '', settings: '', gateways }),
    })),
  ),
  ...(['replicas', 'replicas and load'] as const).flatMap((curve) =>
    replicas.map((workers) => ({
      ...base,
      curve,
      value: String(workers),
      workers,
      // Each of many workers gets a small part of the load, so its code is compiled later (ADR 0023).
      warmUps: workers / usualWorkers,
      warmUpConnections: workers * connectionsEach,
      connections: curve === 'replicas' ? connections : workers * connectionsEach,
      // Many processes start at once, so each of them starts slowly.
      env: { START_TIMEOUT_MS: '120000' },
    })),
  ),
  ...bodies.map(([value, bodyBytes]) => ({
    ...base,
    curve: 'body',
    value,
    request: requestOf(value, value, bodyBytes),
    connections: connectionsWithBodies,
  })),
  ...[0, 20, 200].map((ms) => ({
    ...base,
    curve: 'handler time',
    value: `${ms} ms`,
    env: { BENCH_WORK_MS: String(ms) },
  })),
  ...policies.map((aof) => ({
    ...base,
    curve: 'AOF',
    value: aof,
    system: ringpost({ name: 'ringpost', title: '', settings: '', aof }),
  })),
];

/** @returns the plan for one point of a curve. The warm-up takes whole seconds, since wrk needs that. */
export function planOf({ warmUps }: Variation, plan: RunPlan): RunPlan {
  return { ...plan, warmUpSeconds: Math.round(plan.warmUpSeconds * warmUps) };
}
