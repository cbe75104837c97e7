import { existsSync } from 'node:fs';
import type { BlockList } from 'node:net';
import { capacity, defaultParameters } from '#shared/ring/strategies.ts';
import type { RingParameters } from '#shared/ring/ring.ts';
import { commonFaults, handlerStallMs } from '#shared/settings/common.ts';
import { readSettings, SettingsError } from '#shared/settings/load-settings.ts';
import { adminSettings } from './admin/admin-settings.ts';
import type { AdminSettings } from './admin/admin-settings.ts';
import { parseSubnets } from './callbacks/addresses.ts';
import { parseSecrets } from './callbacks/signature.ts';
import { HashKeyError, parseHashKey } from './dispatch/hash-key.ts';
import type { HashKeySource } from './dispatch/hash-key.ts';
import { gatewaySettings } from './settings.ts';

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
  readonly consumer: 'batched' | 'stock';
  readonly ring: RingParameters;
  readonly hashKey: readonly HashKeySource[];
  readonly bodyLimitBytes: number;
  readonly queueLimit: number;
  readonly bytesInFlight: number;
  readonly replyTimeoutMs: number;
  /** Clients that may wait at once for the end of a request that was handed over. */
  readonly watchLimit: number;
  /** Time in ms for which a client may take nothing of its answer. */
  readonly sendTimeoutMs: number;
  /** Connections of clients at once. */
  readonly maxConnections: number;
  /** Bytes that the body of an answer may have. */
  readonly replyLimitBytes: number;
  /** Time in ms for which a handler may block its worker's event loop. */
  readonly handlerStallMs: number;
  /** How often a request is run at most, where it does not say itself. */
  readonly attempts: number | undefined;
  readonly asyncTimeoutMs: number;
  readonly resultTtlMs: number;
  readonly idempotencyTtlMs: number;
  /** By which callbacks are signed; none where callbacks are refused. */
  readonly callbackSecrets: readonly string[];
  /** Private addresses that callbacks may go to. */
  readonly callbackAllow: BlockList;
  /** Time in ms for which dead letters are kept. */
  readonly failedTtlMs: number;
  /** Names of header fields whose values are kept secret, separated by commas. */
  readonly redactHeaders: string | undefined;
  readonly addTimeoutMs: number;
  readonly failoverMs: number;
  readonly startTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly leaseMs: number;
  readonly admin: AdminSettings;
  readonly logLevel: string;
}

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
  const badMount = values.WORKER_MOUNTS?.split(',').find(
    (mount) => !/^\/[^:,]*:\/[^:,]*$/.test(mount.trim()),
  );
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
  const secrets = parseSecrets(values.CALLBACK_SECRET ?? '');
  const allow = parseSubnets(values.CALLBACK_ALLOW ?? '');
  faults.push(...secrets.faults.map((fault) => `CALLBACK_SECRET ${fault}`));
  faults.push(...allow.faults.map((fault) => `CALLBACK_ALLOW ${fault}`));
  const { admin, faults: adminFaults } = adminSettings(values);
  faults.push(...adminFaults);
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
    consumer: values.CONSUMER,
    ring,
    hashKey,
    bodyLimitBytes: values.BODY_LIMIT_BYTES,
    queueLimit: values.QUEUE_LIMIT,
    bytesInFlight: values.BYTES_IN_FLIGHT,
    replyTimeoutMs: values.REPLY_TIMEOUT_MS,
    watchLimit: values.WATCH_LIMIT,
    sendTimeoutMs: values.SEND_TIMEOUT_MS,
    maxConnections: values.MAX_CONNECTIONS,
    replyLimitBytes: values.REPLY_LIMIT_BYTES,
    handlerStallMs: handlerStallMs(values),
    attempts: values.ATTEMPTS,
    asyncTimeoutMs: values.ASYNC_TIMEOUT_MS,
    resultTtlMs: values.RESULT_TTL_S * 1000,
    idempotencyTtlMs: values.IDEMPOTENCY_TTL_S * 1000,
    callbackSecrets: secrets.secrets,
    callbackAllow: allow.subnets,
    failedTtlMs: values.FAILED_TTL_S * 1000,
    redactHeaders: values.REDACT_HEADERS,
    addTimeoutMs: values.ADD_TIMEOUT_MS,
    failoverMs: values.FAILOVER_MS,
    startTimeoutMs: values.START_TIMEOUT_MS,
    drainTimeoutMs: values.DRAIN_TIMEOUT_MS,
    leaseMs: values.LEASE_MS,
    admin,
    logLevel: values.LOG_LEVEL,
  };
}
