import { existsSync } from 'node:fs';
import { commonFaults, redisUrlFaults } from '#shared/settings/common.ts';
import { outlierFaults } from '../outliers/outlier-settings.ts';
import { autoscaleFaults } from './autoscale-settings.ts';
import { replicaCountFaults } from './replica-count.ts';
import { runsContainers } from '../drivers/driver-kind.ts';
import { isConstraint } from '../swarm/constraints.ts';
import type { GatewayValues } from './settings.ts';

/** Characters that `CALLER_SECRET` must have. */
const minSecretLength = 16;
/** Slots of the assignment ring. */
const assignmentSlots = 512;

/** @returns what is wrong with the values of settings together, though each of them is allowed by itself. */
export function faultsOf(values: GatewayValues): string[] {
  return [
    ...commonFaults(values),
    ...redisUrlFaults('WORKER_REDIS_URL', values.WORKER_REDIS_URL),
    ...redisFaults(values),
    ...replicaFaults(values),
    ...ringFaults(values),
    ...autoscaleFaults(values),
    ...outlierFaults(values),
    ...secretFaults(values),
  ];
}

function redisFaults({ REDIS_URL, WORKER_REDIS_URL, ROLE }: GatewayValues): string[] {
  if (REDIS_URL !== undefined) return [];
  const faults: string[] = [];
  if (WORKER_REDIS_URL !== undefined)
    faults.push('WORKER_REDIS_URL is set without REDIS_URL; the workers of a private Redis get its own URL');
  if (ROLE === 'gateway' || ROLE === 'controller')
    faults.push(`REDIS_URL is missing: a process with ROLE=${ROLE} shares a Redis with others`);
  return faults;
}

function replicaFaults(values: GatewayValues): string[] {
  const { REPLICA_DRIVER, REPLICA_JOIN, ROLE, HANDLER, RESPAWN, SLEEP_AFTER_S } = values;
  const { WORKER_MOUNTS, SWARM_CONSTRAINTS } = values;
  const faults: string[] = [];
  // A container has files of its own.
  if (!runsContainers(REPLICA_DRIVER) && HANDLER !== undefined && !existsSync(HANDLER))
    faults.push(`HANDLER is ${JSON.stringify(HANDLER)}; there is no such file`);
  const badMount = WORKER_MOUNTS?.split(',').find((mount) => !/^\/[^:,]*:\/[^:,]*$/.test(mount.trim()));
  if (badMount !== undefined)
    faults.push(
      `WORKER_MOUNTS has ${JSON.stringify(badMount)}; it must be /on/the/machine:/in/the/container`,
    );
  const badConstraint = SWARM_CONSTRAINTS?.split(',').find((each) => !isConstraint(each));
  if (badConstraint !== undefined)
    faults.push(
      `SWARM_CONSTRAINTS has ${JSON.stringify(badConstraint)}; a constraint looks like node.role==worker`,
    );
  if (REPLICA_JOIN === 'auto' && ROLE !== 'gateway' && REPLICA_DRIVER !== 'none')
    faults.push(
      `REPLICA_JOIN is "auto", but with REPLICA_DRIVER=${REPLICA_DRIVER} ringpost starts the workers; set ` +
        'REPLICA_DRIVER=none',
    );
  if (REPLICA_DRIVER === 'none' && RESPAWN === 'new')
    faults.push('RESPAWN is "new", but with REPLICA_DRIVER=none nothing starts a replacement');
  if (REPLICA_DRIVER === 'none' && SLEEP_AFTER_S > 0)
    faults.push('SLEEP_AFTER_S is set, but with REPLICA_DRIVER=none nothing starts a worker again');
  return [...faults, ...replicaCountFaults(values)];
}

function ringFaults({ RING, RING_PROBING, RING_VIRTUAL_NODES, SLOW_START_MS }: GatewayValues): string[] {
  const faults: string[] = [];
  if (RING === 'assignment' && SLOW_START_MS > 0)
    faults.push('SLOW_START_MS is set, but with RING=assignment the shares of replicas are exact');
  if (RING === 'murmur3' && RING_PROBING !== undefined)
    faults.push('RING_PROBING is set, but only RING=assignment probes for free slots');
  if (RING === 'assignment' && Number(RING_VIRTUAL_NODES) > assignmentSlots)
    faults.push(
      `RING_VIRTUAL_NODES is ${RING_VIRTUAL_NODES}, but the assignment ring has ${assignmentSlots} slots`,
    );
  return faults;
}

function secretFaults({ CALLER_SECRET }: GatewayValues): string[] {
  return CALLER_SECRET !== undefined && CALLER_SECRET.length < minSecretLength
    ? [`CALLER_SECRET must have ${minSecretLength} characters at least`]
    : [];
}
