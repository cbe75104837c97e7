import type { Point } from './measurement.ts';
import type { RunPlan } from './run-plan.ts';
import { requestKinds } from './workload/requests.ts';
import type { RequestName } from './workload/requests.ts';

/** Systems that are measured with large bodies too: ringpost, two that keep requests, and a proxy. */
const withLargeBodies = new Set(['ringpost', 'ringpost-before', 'bee-queue', 'rabbitmq', 'fastify-undici']);

/** @returns what to measure of a system: the main table, and the larger bodies. */
export function pointsOf(
  { requests, connections, bodies, bodyConnections }: RunPlan,
  system: string,
): Point[] {
  const cross = (names: readonly RequestName[], counts: readonly number[]): Point[] =>
    names.flatMap((name) => counts.map((each) => ({ request: requestKinds[name], connections: each })));
  return [
    ...cross(requests, connections),
    ...(withLargeBodies.has(system) ? cross(bodies, bodyConnections) : []),
  ];
}
