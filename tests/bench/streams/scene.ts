import { Redis } from 'ioredis';
import { processorTimes } from '../measure/cpu.ts';
import type { Role } from '../measure/cpu.ts';
import { redisCost, redisCounters } from '../measure/redis-counters.ts';
import type { RedisCost } from '../measure/redis-counters.ts';
import type { StreamPlan } from './plan.ts';
import type { Running } from './systems.ts';

/** A running system and the means to measure it. */
export interface Scene {
  readonly running: Running;
  readonly plan: StreamPlan;
  /** The URL of the upstream, to be asked directly. */
  readonly upstream: string;
  /** @returns a number that no other run of wrk has. */
  nextRun(): number;
  /** Runs what is to be profiled, if that is asked for. */
  profiled<T>(name: string, act: () => Promise<T>): Promise<T>;
}

/** What something cost. */
export interface Cost {
  /** Processor time of all processes with a role, in µs. */
  readonly cpu: ReadonlyMap<Role, number>;
  readonly redis: RedisCost | undefined;
}

/**
 * Measures what the processes of the system need while `act` runs.
 * @param units returns how many there were of what the counters of Redis are divided by
 */
export async function costOf<T>(
  { running: { parts, redisUrl } }: Scene,
  act: () => Promise<T>,
  units: (result: T) => number,
): Promise<{ readonly result: T; readonly cost: Cost }> {
  const redis = redisUrl === undefined ? undefined : new Redis(redisUrl);
  try {
    const workers = parts.filter(({ role }) => role === 'worker').map(({ pid }) => pid);
    const counters = redis && (await redisCounters(redis));
    const times = await processorTimes(parts, workers);
    const result = await act();
    const after = await processorTimes(parts, workers);
    const countersAfter = redis && (await redisCounters(redis));
    const count = Math.max(1, units(result));
    return {
      result,
      cost: {
        cpu: new Map([...after].map(([role, time]) => [role, time - (times.get(role) ?? 0)])),
        redis: counters && countersAfter && redisCost(counters, countersAfter, count),
      },
    };
  } finally {
    redis?.disconnect();
  }
}

/** @returns the processor time of each role and of all, for one of so many units, in µs. */
export function cpuValues({ cpu }: Cost, units: number): Record<string, number> {
  const count = Math.max(1, units);
  const all = cpu.values().reduce((sum, time) => sum + time, 0);
  return {
    cpu: all / count,
    ...Object.fromEntries([...cpu].map(([role, time]) => [`cpu_${role}`, time / count])),
  };
}
