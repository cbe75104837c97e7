import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { machineTime, processorTimes, reapedTime } from './measure/cpu.ts';
import type { Role } from './measure/cpu.ts';
import { redisCost, redisCounters } from './measure/redis-counters.ts';
import type { RedisCost } from './measure/redis-counters.ts';
import type { Running, System } from './systems/system.ts';
import { Executions } from './workload/executions.ts';

export interface StageOptions {
  /** The parent of the folder that the system gets. */
  readonly folder: string;
  readonly workers?: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** A running system and the means to observe it. */
export interface Stage {
  readonly running: Running;
  readonly executions: Executions;
  /** A connection to its Redis, if it has one. */
  readonly redis: Redis | undefined;
  /** @returns the number of the next run of load. */
  nextRun(): number;
}

/** The cost of requests. */
export interface Costs {
  /** Processor time of all processes with a role, in µs per request. */
  readonly cpu: Readonly<Partial<Record<Role | 'client', number>>>;
  readonly redis?: RedisCost;
  /** Share of processor time used by anything else, including the hypervisor, from 0 to 1. */
  readonly others: number;
}

const maxWaitMs = 20_000;

/**
 * Starts a system, calls `use`, and stops the system. If it failed, its logs are kept.
 * @throws Error if the system cannot be started or does not answer, or what `use` throws.
 */
export async function onStage<T>(
  system: System,
  { folder: parent, workers = 3, env = {} }: StageOptions,
  use: (stage: Stage) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(parent, `${system.name}-`));
  const result = await (async () => {
    await using closing = new AsyncDisposableStack();
    const executions = await Executions.open(join(folder, 'executions'));
    closing.defer(() => executions.close());
    const running = await system.start({ folder, executions, workers, env });
    closing.defer(() => running.stop());
    const redis = running.redisUrl === undefined ? undefined : new Redis(running.redisUrl);
    closing.defer(() => redis?.disconnect());
    for (const url of running.urls) await untilAnswers(url);
    // Awaited here, since everything is closed when this function returns.
    let runs = 0;
    return await use({ running, executions, redis, nextRun: () => (runs += 1) });
  })();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  return result;
}

/**
 * Measures the cost of requests while `act` runs.
 * @param requests returns how many requests `act` made
 */
export async function measureCosts<T>(
  { running: { parts }, executions, redis }: Stage,
  act: () => Promise<T>,
  requests: (result: T) => number,
): Promise<{ readonly result: T; readonly costs: Costs }> {
  const counters = redis && (await redisCounters(redis));
  const times = await processorTimes(parts, executions.workers);
  const client = await reapedTime();
  const machine = await machineTime();
  const result = await act();
  const after = await processorTimes(parts, executions.workers);
  const clientAfter = await reapedTime();
  const machineAfter = await machineTime();
  const countersAfter = redis && (await redisCounters(redis));
  const count = Math.max(1, requests(result));
  const cpu: Partial<Record<Role | 'client', number>> = { client: (clientAfter - client) / count };
  for (const [role, time] of after) cpu[role] = (time - (times.get(role) ?? 0)) / count;
  const ours = Object.values(cpu).reduce((sum, time) => sum + time, 0) * count;
  const others = machineAfter.busy - machine.busy - ours;
  return {
    result,
    costs: {
      cpu,
      others: Math.max(0, others / Math.max(1, machineAfter.all - machine.all)),
      ...(counters && countersAfter && { redis: redisCost(counters, countersAfter, count) }),
    },
  };
}

/** @throws Error if no request is answered with 200 within twenty seconds. */
async function untilAnswers(url: string): Promise<void> {
  let last = '';
  for (let waited = 0; waited < maxWaitMs; waited += 50) {
    const answer = await fetch(`${url}/w/0-${waited}`, { signal: AbortSignal.timeout(5000) }).catch(
      (error: unknown) => void (last = String(error)),
    );
    if (answer?.status === 200) return void (await answer.text());
    if (answer !== undefined) last = `${answer.status} ${await answer.text()}`;
    await delay(50);
  }
  throw new Error(`it does not answer: ${last}`);
}
