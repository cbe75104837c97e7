import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { LoadOptions, Load } from './load/load.ts';
import { matched } from './load/matched.ts';
import { wrk } from './load/wrk.ts';
import { processorTimes, reapedTime } from './measure/cpu.ts';
import type { Role } from './measure/cpu.ts';
import { redisCost, redisCounters } from './measure/redis-counters.ts';
import { warmUpConnections } from './run-plan.ts';
import type { RunPlan } from './run-plan.ts';
import type { Sample } from './sample.ts';
import type { Running, System } from './systems/system.ts';
import { faultsOf } from './verdict.ts';
import { Executions } from './work/executions.ts';

export interface TurnOptions {
  readonly round: number;
  readonly plan: RunPlan;
  /** Where the system gets a folder for its turn. */
  readonly folder: string;
  readonly workers?: number;
  readonly env?: NodeJS.ProcessEnv;
  /** Is told each sample when it is there. */
  readonly sampled?: (sample: Sample) => void;
}

const patienceMs = 20_000;

/**
 * Starts a system, warms it up, measures it with each number of connections, and stops it.
 * @throws Error where it cannot be started or does not answer.
 */
export async function turn(system: System, options: TurnOptions): Promise<Sample[]> {
  const { round, plan, workers = 3, env = {}, sampled = () => undefined } = options;
  const folder = await mkdtemp(join(options.folder, `${system.name}-`));
  await using closing = new AsyncDisposableStack();
  let whole = false;
  // A turn that failed leaves its logs.
  closing.defer(async () => {
    if (whole) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const executions = await Executions.open(join(folder, 'executions'));
  closing.defer(() => executions.close());
  const running = await system.start({ folder, executions, workers, env });
  closing.defer(() => running.stop());
  const redis = running.redisUrl === undefined ? undefined : new Redis(running.redisUrl);
  closing.defer(() => redis?.disconnect());
  await untilAnswers(running.url);
  let run = 1;
  const next = (connections: number, seconds: number): LoadOptions => ({
    url: running.url,
    connections,
    seconds,
    run: run++,
  });
  await matched(next(warmUpConnections, plan.warmUpSeconds));
  const samples: Sample[] = [];
  for (const connections of plan.connections) {
    const first = next(connections, plan.matchSeconds);
    const matching = await matched(first);
    const matchedExecuted = await executions.of(first.run);
    const measurement = next(connections, plan.seconds);
    const measured = await measure(running, executions, redis, measurement);
    const executed = await executions.of(measurement.run);
    const sample: Sample = {
      system: system.name,
      round,
      connections,
      ...measured,
      matched: matching,
      executed,
      matchedExecuted,
      faults: [...faultsOf(matching, matchedExecuted, 0), ...faultsOf(measured.load, executed, connections)],
    };
    samples.push(sample);
    sampled(sample);
  }
  whole = true;
  return samples;
}

/** Measures one run of load. */
async function measure(
  { parts }: Running,
  executions: Executions,
  redis: Redis | undefined,
  options: LoadOptions,
): Promise<{ load: Load } & Pick<Sample, 'rate' | 'cpu' | 'redis'>> {
  const counters = redis && (await redisCounters(redis));
  const times = await processorTimes(parts, executions.workers);
  const client = await reapedTime();
  const load = await wrk(options);
  const after = await processorTimes(parts, executions.workers);
  const clientAfter = await reapedTime();
  const countersAfter = redis && (await redisCounters(redis));
  const answers = Math.max(1, load.answered);
  const cpu: Partial<Record<Role | 'client', number>> = { client: (clientAfter - client) / answers };
  for (const [role, time] of after) cpu[role] = (time - (times.get(role) ?? 0)) / answers;
  return {
    load,
    rate: load.answered / load.seconds,
    cpu,
    ...(counters && countersAfter && { redis: redisCost(counters, countersAfter, answers) }),
  };
}

/** @throws Error where there is no answer of 200 within twenty seconds. */
async function untilAnswers(url: string): Promise<void> {
  let last = '';
  for (let waited = 0; waited < patienceMs; waited += 50) {
    const answer = await fetch(`${url}/w/0-${waited}`, { signal: AbortSignal.timeout(5000) }).catch(
      (error: unknown) => void (last = String(error)),
    );
    if (answer?.status === 200) return void (await answer.text());
    if (answer !== undefined) last = `${answer.status} ${await answer.text()}`;
    await delay(50);
  }
  throw new Error(`it does not answer: ${last}`);
}
