import { existsSync } from 'node:fs';
import { capacity, defaultParameters } from '#shared/ring/strategies.ts';
import type { RingParameters } from '#shared/ring/ring.ts';
import { commonSettings, commonFaults } from '#shared/settings/common.ts';
import { readSettings, SettingsError } from '#shared/settings/load-settings.ts';
import { HashKeyError, parseHashKey } from './dispatch/hash-key.ts';
import type { HashKeySource } from './dispatch/hash-key.ts';

/** The settings of a gateway, of a controller, and of `npm start`, which is both. */
export const gatewaySettings = {
  type: 'object',
  properties: {
    HOST: { type: 'string', default: '127.0.0.1', description: 'Address to listen on.' },
    PORT: {
      type: 'integer',
      default: 5000,
      minimum: 0,
      maximum: 65535,
      description: 'Port to listen on; 0 takes a free one.',
    },
    ROLE: {
      type: 'string',
      default: 'all',
      enum: ['all', 'gateway', 'controller'],
      description: 'What this process is: a gateway, a controller, or both.',
    },
    ...commonSettings,
    REPLICAS: {
      type: 'integer',
      default: 3,
      minimum: 0,
      maximum: 10000,
      description: 'Replicas S1, S2 … of a new namespace; afterwards `/add` and `/rm` decide.',
    },
    MAX_REPLICAS: {
      type: 'integer',
      default: 64,
      minimum: 1,
      maximum: 10000,
      description: 'Replicas that there may be in all.',
    },
    REPLICA_DRIVER: {
      type: 'string',
      default: 'process',
      enum: ['process', 'docker', 'none'],
      description:
        'What runs the replicas: local processes, Docker containers, or nothing (workers are started by hand).',
    },
    WORKER_IMAGE: {
      type: 'string',
      default: 'ringpost-worker',
      description: 'Image of the containers of `REPLICA_DRIVER=docker`.',
    },
    WORKER_MOUNTS: {
      type: 'string',
      description:
        'Read-only mounts of the containers, `/on/the/machine:/in/the/container`, separated by commas.',
    },
    WORKER_MEMORY_MB: {
      type: 'integer',
      default: 512,
      minimum: 64,
      maximum: 1048576,
      description: 'Memory of each container, in MiB.',
    },
    WORKER_CPUS: {
      type: 'string',
      default: '0',
      pattern: '^[0-9]+([.][0-9]+)?$',
      description: 'Processors of each container, e.g. `0.5`; 0 is no limit.',
    },
    WORKER_PIDS: {
      type: 'integer',
      default: 256,
      minimum: 16,
      maximum: 100000,
      description: 'Processes and threads of each container.',
    },
    DOCKER_NETWORK: {
      type: 'string',
      description:
        "Network that the containers join. Unset: the machine's own (`host`) where Redis is on loopback, else `bridge`.",
    },
    RING: {
      type: 'string',
      default: 'murmur3',
      enum: ['murmur3', 'assignment'],
      description: 'Which ring: murmurhash v3 with virtual nodes, or the 512 slots of the assignment.',
    },
    RING_VIRTUAL_NODES: {
      type: 'integer',
      minimum: 1,
      maximum: 10000,
      description: 'Virtual nodes for each unit of weight (murmur3: 160, assignment: 9).',
    },
    RING_PROBING: {
      type: 'string',
      enum: ['linear', 'quadratic'],
      description: 'How the assignment ring finds a free slot (linear).',
    },
    HASH_KEY: {
      type: 'string',
      default: 'header:ringpost-key,random',
      description:
        'Where the key that selects the replica comes from, the first that is there: `header:<name>`, ' +
        '`cookie:<name>`, `query:<name>`, `path`, `ip`, `random`.',
    },
    BODY_LIMIT_BYTES: {
      type: 'integer',
      default: 1048576,
      minimum: 0,
      maximum: 268435456,
      description: "Bytes that a request's body may have before it gets 413.",
    },
    QUEUE_LIMIT: {
      type: 'integer',
      default: 10000,
      minimum: 1,
      maximum: 100000000,
      description: 'Requests that may wait for one replica; past it a request gets 503 at once.',
    },
    BYTES_IN_FLIGHT: {
      type: 'integer',
      default: 268435456,
      minimum: 1,
      maximum: 1099511627776,
      description:
        "Bytes of requests' bodies that a gateway holds at once; past it a request gets 503 at once.",
    },
    ADD_TIMEOUT_MS: {
      type: 'integer',
      default: 30000,
      minimum: 1,
      maximum: 3600000,
      description: 'Milliseconds `/add` waits for the new replicas to be ready before it answers 504.',
    },
    FAILOVER_MS: {
      type: 'integer',
      default: 2000,
      minimum: 0,
      maximum: 3600000,
      description: 'Milliseconds a lost replica keeps its keys before they go to its successors.',
    },
    START_TIMEOUT_MS: {
      type: 'integer',
      default: 15000,
      minimum: 100,
      maximum: 3600000,
      description: 'Milliseconds a starting worker may take before it is replaced.',
    },
    ADMIN_TOKEN: {
      type: 'string',
      description: 'Bearer token that `/rep`, `/add`, `/rm` and `/-/ring` ask for.',
    },
    ADMIN_AUTH: {
      type: 'string',
      enum: ['none'],
      description: '`none` opens the admin calls on an address that is not loopback, without a token.',
    },
  },
  required: [],
} as const;

/** What `REPLICA_DRIVER=docker` makes of settings. */
export interface ContainerConfig {
  readonly image: string;
  readonly mounts: readonly string[];
  readonly memoryMb: number;
  readonly cpus: number;
  readonly pids: number;
  readonly network: string | undefined;
}

export interface GatewayConfig {
  readonly host: string;
  readonly port: number;
  readonly role: 'all' | 'gateway' | 'controller';
  /** Undefined: run a private Redis. */
  readonly redisUrl: string | undefined;
  readonly namespace: string;
  readonly replicas: number;
  readonly maxReplicas: number;
  readonly replicaDriver: 'process' | 'docker' | 'none';
  readonly containers: ContainerConfig;
  readonly handlerPath: string | undefined;
  readonly upstream: string | undefined;
  readonly concurrency: number;
  readonly ring: RingParameters;
  readonly hashKey: readonly HashKeySource[];
  readonly bodyLimitBytes: number;
  readonly queueLimit: number;
  readonly bytesInFlight: number;
  readonly replyTimeoutMs: number;
  readonly addTimeoutMs: number;
  readonly failoverMs: number;
  readonly startTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly leaseMs: number;
  readonly adminToken: string | undefined;
  /** Why the admin calls are closed, or undefined where they are open or ask for the token. */
  readonly adminClosed: string | undefined;
  readonly logLevel: string;
}

/** @returns whether a host is this machine alone. */
export function isLoopback(host: string): boolean {
  return loopback.test(host);
}

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i;

/**
 * @param env environment variables; nothing else is read but whether the file named by `HANDLER` exists.
 * @throws {SettingsError} that lists all faults at once.
 */
export function loadGatewayConfig(env: NodeJS.ProcessEnv): GatewayConfig {
  const { values, faults } = readSettings(gatewaySettings, env);
  faults.push(...commonFaults(values));
  // A container has files of its own.
  if (values.REPLICA_DRIVER !== 'docker' && values.HANDLER !== undefined && !existsSync(values.HANDLER)) {
    faults.push(`HANDLER is ${JSON.stringify(values.HANDLER)}; there is no such file`);
  }
  const badMount = values.WORKER_MOUNTS?.split(',').find((mount) => !/^\s*\/[^:,]*:\/[^:,]*\s*$/.test(mount));
  if (badMount !== undefined) {
    faults.push(
      `WORKER_MOUNTS has ${JSON.stringify(badMount)}; it must be /on/the/machine:/in/the/container`,
    );
  }
  if (values.RING === 'murmur3' && values.RING_PROBING !== undefined) {
    faults.push('RING_PROBING is set, but only RING=assignment probes for free slots');
  }
  if (values.REPLICAS > values.MAX_REPLICAS) {
    faults.push(`REPLICAS is ${values.REPLICAS}, above MAX_REPLICAS ${values.MAX_REPLICAS}`);
  }
  let hashKey: readonly HashKeySource[] = [];
  try {
    hashKey = parseHashKey(values.HASH_KEY);
  } catch (error) {
    if (!(error instanceof HashKeyError)) throw error;
    faults.push(`HASH_KEY is ${JSON.stringify(values.HASH_KEY)}; ${error.message}`);
  }
  if ((values.ROLE === 'gateway' || values.ROLE === 'controller') && values.REDIS_URL === undefined) {
    faults.push(`REDIS_URL is missing: a process with ROLE=${values.ROLE} shares a Redis with others`);
  }
  if (values.RING === 'assignment' && Number(values.RING_VIRTUAL_NODES) > 512) {
    faults.push(`RING_VIRTUAL_NODES is ${values.RING_VIRTUAL_NODES}, but the assignment ring has 512 slots`);
  }
  // The ring can only be made of settings that are right by themselves.
  if (faults.length > 0) throw new SettingsError(faults);
  const ring = defaultParameters(values.RING, {
    virtualNodes: values.RING_VIRTUAL_NODES,
    probing: values.RING_PROBING,
  });
  if (values.REPLICAS > capacity(ring)) {
    throw new SettingsError([`REPLICAS is ${values.REPLICAS}, but the ring holds ${capacity(ring)} at most`]);
  }
  const open = isLoopback(values.HOST) || values.ADMIN_TOKEN !== undefined || values.ADMIN_AUTH === 'none';
  return {
    host: values.HOST,
    port: values.PORT,
    role: values.ROLE,
    redisUrl: values.REDIS_URL,
    namespace: values.NAMESPACE,
    replicas: values.REPLICAS,
    maxReplicas: values.MAX_REPLICAS,
    replicaDriver: values.REPLICA_DRIVER,
    containers: {
      image: values.WORKER_IMAGE,
      mounts: values.WORKER_MOUNTS?.split(',').map((mount) => mount.trim()) ?? [],
      memoryMb: values.WORKER_MEMORY_MB,
      cpus: Number(values.WORKER_CPUS),
      pids: values.WORKER_PIDS,
      network: values.DOCKER_NETWORK,
    },
    handlerPath: values.HANDLER,
    upstream: values.UPSTREAM,
    concurrency: values.CONCURRENCY,
    ring,
    hashKey,
    bodyLimitBytes: values.BODY_LIMIT_BYTES,
    queueLimit: values.QUEUE_LIMIT,
    bytesInFlight: values.BYTES_IN_FLIGHT,
    replyTimeoutMs: values.REPLY_TIMEOUT_MS,
    addTimeoutMs: values.ADD_TIMEOUT_MS,
    failoverMs: values.FAILOVER_MS,
    startTimeoutMs: values.START_TIMEOUT_MS,
    drainTimeoutMs: values.DRAIN_TIMEOUT_MS,
    leaseMs: values.LEASE_MS,
    adminToken: values.ADMIN_TOKEN,
    adminClosed: open
      ? undefined
      : `HOST is ${values.HOST}, not loopback: set ADMIN_TOKEN, or ADMIN_AUTH=none where the network is trusted`,
    logLevel: values.LOG_LEVEL,
  };
}
