import { createHmac } from 'node:crypto';
import type { ContainerSpec, ContainerTaskSpec, Privileges, ServiceSpec } from 'dockerode';
import { labels, workerLog, workerTmpMiB, workerUser } from '../drivers/container-spec.ts';
import type { ContainerSettings } from '../drivers/container-spec.ts';
import { serviceName } from './service-name.ts';

const secretFile = 'ringpost-redis-url';
/** Where a worker finds the URL of Redis, which is a secret of the swarm. */
export const redisUrlFile = `/run/secrets/${secretFile}`;

/** One generation of a replica, and where it may run. */
export interface PlacedWorker {
  readonly name: string;
  readonly generation: number;
  /** Placement constraints, e.g. `node.role==worker`. */
  readonly constraints: readonly string[];
}

/** The secret with the URL of Redis. */
export interface RedisSecret {
  readonly id: string;
  readonly name: string;
}

/** Engines before API 1.46 ignore it. A user without capabilities gains none by it in any case. */
const privileges: Privileges & { readonly NoNewPrivileges: boolean } = { NoNewPrivileges: true };

/** @returns a text that Swarm, which expands Go templates in the environment, expands to `value`. */
export function literal(value: string): string {
  return value.replaceAll('{{', '{{"{{"}}');
}

/** What the containers of the same settings have in common. */
function containerOf({ env, mounts, stopTimeoutS }: ContainerSettings): ContainerSpec {
  return {
    User: workerUser,
    Env: env.map(literal),
    Init: true,
    ReadOnly: true,
    CapabilityDrop: ['ALL'],
    Privileges: privileges,
    // Swarm would wait for the first check, and end a worker that fails one. Leases do both.
    HealthCheck: { Test: ['NONE'] },
    StopGracePeriod: stopTimeoutS * 1e9,
    Mounts: [
      {
        Type: 'tmpfs',
        Source: '',
        Target: '/tmp',
        TmpfsOptions: { SizeBytes: workerTmpMiB * 1024 * 1024, Mode: 0o1777 },
      },
      ...mounts.map((mount) => {
        const [Source = '', Target = ''] = mount.split(':');
        return { Type: 'bind' as const, Source, Target, ReadOnly: true };
      }),
    ],
  };
}

/** What the tasks of the same settings have in common, besides their containers. */
function taskOf({ network, memoryBytes, cpus, pids }: ContainerSettings): ContainerTaskSpec {
  const limits = { MemoryBytes: memoryBytes, Pids: pids };
  return {
    Resources: { Limits: cpus > 0 ? { ...limits, NanoCPUs: Math.round(cpus * 1e9) } : limits },
    // The controller restarts replicas; Swarm must not.
    RestartPolicy: { Condition: 'none' },
    // Without a network, a task is in the `bridge` of its node.
    Networks: network === 'bridge' ? [] : [{ Target: network }],
    LogDriver: { Name: workerLog.Type, Options: workerLog.Config },
  };
}

/**
 * @param key of the namespace: without a key a short password could be guessed from the label.
 * @returns a hash that differs if services of other settings would differ, whatever their image and node.
 */
export function serviceConfigHash(settings: ContainerSettings, key: string): string {
  return createHmac('sha256', key)
    .update(JSON.stringify([containerOf(settings), taskOf(settings), settings.redisUrl]))
    .digest('hex')
    .slice(0, 16);
}

/**
 * @param config the result of {@link serviceConfigHash}.
 * @param image by id or digest, so that no node asks a registry what a tag means.
 * @returns the service of one generation of a replica.
 */
export function serviceSpec(
  settings: ContainerSettings,
  { name, generation, constraints }: PlacedWorker,
  config: string,
  image: string,
  secret: RedisSecret,
): ServiceSpec {
  const container = containerOf(settings);
  const marks = {
    [labels.namespace]: settings.namespace,
    [labels.replica]: name,
    [labels.generation]: String(generation),
    [labels.config]: config,
  };
  return {
    Name: serviceName(settings.namespace, name, generation),
    Labels: marks,
    TaskTemplate: {
      ...taskOf(settings),
      Placement: { Constraints: [...constraints] },
      ContainerSpec: {
        ...container,
        Image: image,
        Hostname: name,
        Labels: marks,
        Env: [...(container.Env ?? []), `REPLICA=${name}`, `GENERATION=${generation}`],
        Secrets: [
          {
            SecretID: secret.id,
            SecretName: secret.name,
            File: { Name: secretFile, UID: '1000', GID: '1000', Mode: 0o400 },
          },
        ],
      },
    },
    Mode: { Replicated: { Replicas: 1 } },
    // Nobody connects to a worker, so it needs no virtual address.
    EndpointSpec: { Mode: 'dnsrr' },
  };
}
