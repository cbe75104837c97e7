import { capacity, defaultParameters } from '#shared/ring/strategies.ts';
import { parseUpstreams } from '#shared/settings/upstreams.ts';
import type { GatewayValues } from './settings.ts';
import { parseRange, rangePattern } from './autoscale-range.ts';

/** The setting of autoscaling. */
export const autoscaleSettings = {
  AUTOSCALE: {
    type: 'string',
    pattern: rangePattern,
    description:
      'How many replicas the leading controller may run as the load changes: `2..20`. `/add` and `/rm` stop ' +
      'it until `ringpost autoscale on`. Unset: the number changes only by `/add` and `/rm`.',
  },
} as const;

type Values = Pick<
  GatewayValues,
  | 'AUTOSCALE'
  | 'REPLICAS'
  | 'MAX_REPLICAS'
  | 'UPSTREAMS'
  | 'REPLICA_DRIVER'
  | 'RING'
  | 'RING_VIRTUAL_NODES'
  | 'RING_PROBING'
>;

/** @returns what is wrong with the range, together with the settings that limit it. */
export function autoscaleFaults(values: Values): string[] {
  const { AUTOSCALE, REPLICAS, MAX_REPLICAS, UPSTREAMS, REPLICA_DRIVER } = values;
  const range = parseRange(AUTOSCALE);
  // A range that cannot be parsed has a fault of its own.
  if (range === undefined) return [];
  const { min, max } = range;
  const is = `AUTOSCALE is ${AUTOSCALE}`;
  if (REPLICA_DRIVER === 'none')
    return [`${is}, but with REPLICA_DRIVER=none nothing starts the replicas that it would add`];
  if (min > max) return [`${is}; the first number must not be above the second`];
  if (max > MAX_REPLICAS) return [`${is}, above MAX_REPLICAS ${MAX_REPLICAS}`];
  const listed = parseUpstreams(UPSTREAMS).servers.length;
  if (listed > 0 && max > listed)
    return [`${is}, but UPSTREAMS lists ${listed} servers, one for each replica`];
  const { RING, RING_VIRTUAL_NODES: virtualNodes, RING_PROBING: probing } = values;
  const room = capacity(defaultParameters(RING, { virtualNodes, probing }));
  if (max > room) return [`${is}, but the ring holds ${room} at most`];
  if (REPLICAS !== undefined && (REPLICAS < min || REPLICAS > max))
    return [`REPLICAS is ${REPLICAS}, outside AUTOSCALE ${AUTOSCALE}`];
  return [];
}
