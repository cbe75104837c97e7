import { existsSync } from 'node:fs';
import type { BlockList } from 'node:net';
import { redactionOf } from '#shared/contract/redaction.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import { capacity, defaultParameters } from '#shared/ring/strategies.ts';
import type { RingParameters } from '#shared/ring/ring.ts';
import { commonFaults, handlerStallMs, redisUrlFaults } from '#shared/settings/common.ts';
import { readSettings, SettingsError } from '#shared/settings/load-settings.ts';
import { adminSettings } from '../admin/admin-settings.ts';
import type { AdminSettings } from '../admin/admin-settings.ts';
import { parseSecrets } from '../callbacks/signature.ts';
import { parseCallerKey } from '../caller/caller-key.ts';
import type { CallerSource } from '../caller/caller-key.ts';
import { fieldNames, HashKeyError, parseHashKey } from '../request/hash-key.ts';
import type { HashKeySource } from '../request/hash-key.ts';
import { gatewaySettings } from './settings.ts';
import { parseSubnets } from '../edge/subnets.ts';

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
  /** Whether a private Redis may be installed with sudo or brew. */
  readonly mayInstallRedis: boolean;
  /** What workers get; undefined: the same. */
  readonly workerRedisUrl: string | undefined;
  readonly namespace: string;
  readonly replicas: number;
  readonly maxReplicas: number;
  readonly replicaDriver: 'process' | 'docker' | 'none';
  /** Whether a replica that replaces a dead one has its name or a new one. */
  readonly respawn: 'same' | 'new';
  readonly containers: ContainerConfig;
  readonly handlerPath: string | undefined;
  readonly upstream: string | undefined;
  readonly upstreamHost: 'client' | 'upstream';
  readonly forwarded: 'both' | 'standard' | 'none';
  readonly concurrency: number;
  readonly consumer: 'batched' | 'stock';
  readonly ring: RingParameters;
  readonly hashKey: readonly HashKeySource[];
  /** Peers that may say whom a request comes from; undefined if there are none. */
  readonly trustedProxies: BlockList | undefined;
  readonly bodyLimitBytes: number;
  /** Bytes that the head of a request may have. */
  readonly headLimitBytes: number;
  /** Header fields that a request may have. */
  readonly headLimitFields: number;
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
  /** What tells callers apart. */
  readonly callerKey: readonly CallerSource[];
  /** By which the digests of callers are made; undefined for one that the gateways share in Redis. */
  readonly callerSecret: string | undefined;
  /** Whether callers share idempotency keys, or each has keys of its own. */
  readonly idempotencyScope: 'shared' | 'caller';
  /** Whether what all gateways have to agree on is replaced by the settings of this one. */
  readonly allowSettingsChange: boolean;
  /** By which callbacks are signed; none where callbacks are refused. */
  readonly callbackSecrets: readonly string[];
  /** Private addresses that callbacks may go to. */
  readonly callbackAllow: BlockList;
  /** Time in ms for which dead letters are kept. */
  readonly failedTtlMs: number;
  /** Names of header fields and parameters whose values are kept secret, separated by commas. */
  readonly redactHeaders: string | undefined;
  /**
   * Names of those that are not, although they are called like secrets; those of `HASH_KEY` are among them.
   */
  readonly redactExcept: string;
  /** What follows of the two. */
  readonly redaction: Redaction;
  /** Whether dead letters keep bodies. */
  readonly deadLetterBodies: 'keep' | 'none';
  readonly addTimeoutMs: number;
  readonly failoverMs: number;
  readonly startTimeoutMs: number;
  /** Time in ms for which a starting gateway waits for all replicas before it is ready. */
  readonly readyAfterMs: number;
  readonly drainTimeoutMs: number;
  readonly leaseMs: number;
  readonly admin: AdminSettings;
  readonly logLevel: string;
}

/** Characters of `CALLER_SECRET`. */
const leastSecretLength = 16;

/**
 * @param env environment variables; nothing else is read but whether the file named by `HANDLER` exists.
 * @throws {SettingsError} that lists all faults at once.
 */
export function loadGatewayConfig(env: NodeJS.ProcessEnv): GatewayConfig {
  const { values, faults } = readSettings(gatewaySettings, env);
  faults.push(...commonFaults(values));
  faults.push(...redisUrlFaults('WORKER_REDIS_URL', values.WORKER_REDIS_URL));
  if (values.WORKER_REDIS_URL !== undefined && values.REDIS_URL === undefined) {
    faults.push('WORKER_REDIS_URL is set without REDIS_URL; the workers of a private Redis get its own URL');
  }
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
  if (values.REPLICA_DRIVER === 'none' && values.RESPAWN === 'new') {
    faults.push('RESPAWN is "new", but with REPLICA_DRIVER=none nothing starts a replacement');
  }
  if (values.REPLICAS > values.MAX_REPLICAS) {
    faults.push(`REPLICAS is ${values.REPLICAS}, above MAX_REPLICAS ${values.MAX_REPLICAS}`);
  }
  const sourcesOf = <T>(
    name: 'HASH_KEY' | 'CALLER_KEY',
    parse: (text: string) => readonly T[],
  ): readonly T[] => {
    try {
      return parse(values[name]);
    } catch (error) {
      if (!(error instanceof HashKeyError)) throw error;
      faults.push(`${name} is ${JSON.stringify(values[name])}; ${error.message}`);
      return [];
    }
  };
  const hashKey = sourcesOf('HASH_KEY', parseHashKey);
  const callerKey = sourcesOf('CALLER_KEY', parseCallerKey);
  if (values.CALLER_SECRET !== undefined && values.CALLER_SECRET.length < leastSecretLength) {
    faults.push(`CALLER_SECRET must have ${leastSecretLength} characters at least`);
  }
  const secrets = parseSecrets(values.CALLBACK_SECRET ?? '');
  const allow = parseSubnets(values.CALLBACK_ALLOW ?? '');
  const proxies = parseSubnets(values.TRUSTED_PROXIES ?? '');
  faults.push(...proxies.faults.map((fault) => `TRUSTED_PROXIES ${fault}`));
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
  const redactExcept = [values.REDACT_EXCEPT ?? '', ...fieldNames(hashKey)].join(',');
  return {
    host: values.HOST,
    port: values.PORT,
    role: values.ROLE,
    redisUrl: values.REDIS_URL,
    mayInstallRedis: values.INSTALL_REDIS === 'yes',
    workerRedisUrl: values.WORKER_REDIS_URL,
    namespace: values.NAMESPACE,
    replicas: values.REPLICAS,
    maxReplicas: values.MAX_REPLICAS,
    replicaDriver: values.REPLICA_DRIVER,
    respawn: values.RESPAWN,
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
    upstreamHost: values.UPSTREAM_HOST,
    forwarded: values.FORWARDED,
    concurrency: values.CONCURRENCY,
    consumer: values.CONSUMER,
    ring,
    hashKey,
    trustedProxies: values.TRUSTED_PROXIES === undefined ? undefined : proxies.subnets,
    bodyLimitBytes: values.BODY_LIMIT_BYTES,
    headLimitBytes: values.HEAD_LIMIT_BYTES,
    headLimitFields: values.HEAD_LIMIT_FIELDS,
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
    callerKey,
    callerSecret: values.CALLER_SECRET,
    idempotencyScope: values.IDEMPOTENCY_SCOPE,
    allowSettingsChange: values.ALLOW_SETTINGS_CHANGE === 'yes',
    callbackSecrets: secrets.secrets,
    callbackAllow: allow.subnets,
    failedTtlMs: values.FAILED_TTL_S * 1000,
    redactHeaders: values.REDACT_HEADERS,
    redactExcept,
    redaction: redactionOf(values.REDACT_HEADERS, redactExcept),
    deadLetterBodies: values.DEAD_LETTER_BODIES,
    addTimeoutMs: values.ADD_TIMEOUT_MS,
    failoverMs: values.FAILOVER_MS,
    startTimeoutMs: values.START_TIMEOUT_MS,
    readyAfterMs: values.READY_AFTER_MS,
    drainTimeoutMs: values.DRAIN_TIMEOUT_MS,
    leaseMs: values.LEASE_MS,
    admin,
    logLevel: values.LOG_LEVEL,
  };
}
