import { short } from '../numbers.ts';
import type { Sample } from '../sample.ts';

/** @returns a sample for people who watch. */
export function sampleLine({ system, connections, rate, load, cpu, redis }: Sample): string {
  const costs = Object.entries(cpu).map(([role, time]) => `${role} ${short(time)}`);
  return [
    `${system} c=${connections}: ${short(rate)}/s`,
    `p50 ${short(load.p50)} p99 ${short(load.p99)} ms`,
    `CPU µs ${costs.join(' ')}`,
    ...(redis ? [`Redis commands ${short(redis.commands)}, reads ${short(redis.reads)}`] : []),
  ].join(' · ');
}
