import { parseUpstreams } from '#shared/settings/upstreams.ts';
import { parseRange } from './autoscale-range.ts';
import type { GatewayValues } from './settings.ts';

const withoutList = 3;

/** @returns the number of replicas of a new namespace. */
export function replicaCount({ REPLICAS, REPLICA_JOIN, UPSTREAMS, AUTOSCALE }: GatewayValues): number {
  if (REPLICAS !== undefined) return REPLICAS;
  // Each replica is added by its worker.
  if (REPLICA_JOIN === 'auto') return 0;
  const count = UPSTREAMS === undefined ? withoutList : parseUpstreams(UPSTREAMS).servers.length;
  const { min, max } = parseRange(AUTOSCALE) ?? { min: count, max: count };
  return Math.min(Math.max(count, min), max);
}

/** @returns what is wrong with that number, together with the settings that limit it. */
export function replicaCountFaults(values: GatewayValues): string[] {
  const { REPLICAS, MAX_REPLICAS, UPSTREAMS } = values;
  const listed = parseUpstreams(UPSTREAMS).servers.length;
  // A list that cannot be parsed has faults of its own.
  if (listed > 0 && REPLICAS !== undefined && REPLICAS > listed)
    return [`REPLICAS is ${REPLICAS}, but UPSTREAMS lists ${listed} servers, one for each replica`];
  const count = replicaCount(values);
  if (count <= MAX_REPLICAS) return [];
  const what = REPLICAS === undefined ? `UPSTREAMS lists ${count} servers` : `REPLICAS is ${count}`;
  return [`${what}, above MAX_REPLICAS ${MAX_REPLICAS}`];
}
