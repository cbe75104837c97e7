import type { BacklogPoint } from '../growth/growth.ts';
import { short } from '../numbers.ts';
import type { Sample } from '../sample.ts';
import type { Costs } from '../stage.ts';

/** @returns a sample as a line of output. */
export function sampleLine({ system, request, connections, rate, load, cpu, redis, others }: Sample): string {
  return [
    `${system} ${request} c=${connections}: ${short(rate)}/s`,
    `p50 ${short(load.p50)} p99 ${short(load.p99)} ms`,
    `CPU µs ${costLine(cpu)}`,
    `others ${Math.round(others * 100)} %`,
    ...(redis ? [`Redis commands ${short(redis.commands)}, reads ${short(redis.reads)}`] : []),
  ].join(' · ');
}

/** @returns a measurement with a backlog as a line of output. */
export function backlogLine({ backlog, bodyBytes, accepting, executing, memory }: BacklogPoint): string {
  return [
    `backlog ${backlog} with ${bodyBytes} bytes each`,
    `accepting: CPU µs ${costLine(accepting.cpu)}`,
    ...(executing ? [`executing: CPU µs ${costLine(executing.cpu)}`] : []),
    ...(memory === undefined ? [] : [`${Math.round(memory)} bytes of Redis memory each`]),
  ].join(' · ');
}

const costLine = (cpu: Costs['cpu']): string =>
  Object.entries(cpu)
    .map(([role, time]) => `${role} ${short(time)}`)
    .join(' ');
