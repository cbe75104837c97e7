import type { BlockList } from 'node:net';
import { parseRate } from '#shared/contract/rate.ts';
import type { Rate } from '#shared/contract/rate.ts';
import { redactionOf } from '#shared/contract/redaction.ts';
import type { SettingView } from '#shared/contract/api/system.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import type { LogFormat } from '#shared/process/pretty-lines.ts';
import { capacity, defaultParameters } from '#shared/ring/strategies.ts';
import type { RingParameters } from '#shared/ring/ring.ts';
import { handlerStallMs } from '#shared/settings/common.ts';
import { readSettings, SettingsError } from '#shared/settings/load-settings.ts';
import { parseUpstreams } from '#shared/settings/upstreams.ts';
import { accessLogConfig } from '../access-log/access-log-settings.ts';
import type { AccessLogConfig } from '../access-log/access-log-settings.ts';
import { adminSettings } from '../admin/admin-settings.ts';
import type { AdminSettings } from '../admin/admin-settings.ts';
import { ruleSettingsOf } from './autoscale-range.ts';
import type { RuleSettings } from './autoscale-rule.ts';
import { parseSecrets } from '../callbacks/signature.ts';
import { parseCallerKey } from '../caller/caller-key.ts';
import type { CallerSource } from '../caller/caller-key.ts';
import { fieldNames, HashKeyError, parseHashKey } from '../request/hash-key.ts';
import type { HashKeySource } from '../request/hash-key.ts';
import { parseSubnets } from '../edge/subnets.ts';
import { faultsOf } from './config-faults.ts';
import { containerConfig } from './container-config.ts';
import type { ContainerConfig } from './container-config.ts';
import { outlierConfig } from '../outliers/outlier-settings.ts';
import type { OutlierConfig } from '../outliers/outlier-settings.ts';
import { replicaCount } from './replica-count.ts';
import { gatewaySettings } from './settings.ts';
import { settingsView } from './settings-view.ts';
import type { SettingSources } from './settings-view.ts';
import type { GatewayValues } from './settings.ts';

export interface GatewayConfig {
  readonly host: string;
  readonly port: number;
  readonly role: 'all' | 'gateway' | 'controller';
  /** Undefined: a private Redis is started. */
  readonly redisUrl: string | undefined;
  /** Whether a private Redis may be installed with sudo or brew. */
  readonly mayInstallRedis: boolean;
  /** The URL of Redis for workers; undefined: the same. */
  readonly workerRedisUrl: string | undefined;
  readonly namespace: string;
  readonly replicas: number;
  readonly maxReplicas: number;
  /** How autoscaling decides; undefined: it is off. */
  readonly autoscale: RuleSettings | undefined;
  readonly replicaDriver: 'process' | 'docker' | 'swarm' | 'none';
  /** Whether a replica that replaces a dead one has the same name or a new one. */
  readonly respawn: 'same' | 'new';
  readonly containers: ContainerConfig;
  readonly handlerPath: string | undefined;
  readonly upstream: string | undefined;
  readonly command: string | undefined;
  readonly commandReady: string | undefined;
  /** The servers of UPSTREAMS, one for each replica; none if it is not set. */
  readonly upstreams: readonly URL[];
  readonly upstreamHost: 'client' | 'upstream';
  readonly forwarded: 'both' | 'standard' | 'none';
  readonly concurrency: number;
  readonly consumer: 'batched' | 'stock';
  readonly ring: RingParameters;
  readonly hashKey: readonly HashKeySource[];
  /** Whether requests stay with the owners of their keys, unless they say so themselves. */
  readonly affinity: 'strict' | 'loose';
  /** How many times its fair share of all load a replica may have before requests spill. */
  readonly loadBound: number;
  /** Peers that are believed about where a request comes from; undefined if there are none. */
  readonly trustedProxies: BlockList | undefined;
  readonly bodyLimitBytes: number;
  /** Bytes that the head of a request may have. */
  readonly headLimitBytes: number;
  /** Header fields that a request may have. */
  readonly headLimitFields: number;
  readonly queueLimit: number;
  /** When BullMQ's events of the queues are written. */
  readonly queueEvents: 'auto' | 'on' | 'off';
  /** How many requests of one hash key are accepted; undefined: any number. */
  readonly keyRate: Rate | undefined;
  /** How many requests of one hash key run at once; undefined: any number. */
  readonly keyConcurrency: number | undefined;
  readonly bytesInFlight: number;
  readonly replyTimeoutMs: number;
  /** Clients that may wait at the same time for the end of an async request. */
  readonly watchLimit: number;
  /** Time in ms for which a client may read nothing of its answer. */
  readonly sendTimeoutMs: number;
  /** Open connections of clients. */
  readonly maxConnections: number;
  /** Bytes that the body of an answer may have. */
  readonly replyLimitBytes: number;
  /** Time in ms for which a handler may block its worker's event loop. */
  readonly handlerStallMs: number;
  /** How often a request may be run, if it does not say so itself. */
  readonly attempts: number | undefined;
  readonly asyncTimeoutMs: number;
  readonly resultTtlMs: number;
  readonly idempotencyTtlMs: number;
  /** The sources that identify a caller. */
  readonly callerKey: readonly CallerSource[];
  /** The secret of the digests of callers; undefined: one that the gateways share in Redis. */
  readonly callerSecret: string | undefined;
  /** Whether callers share idempotency keys, or each caller has its own keys. */
  readonly idempotencyScope: 'shared' | 'caller';
  /** Whether this gateway replaces the settings that all gateways share. */
  readonly allowSettingsChange: boolean;
  /** The secrets that sign callbacks; if there are none, callbacks are refused. */
  readonly callbackSecrets: readonly string[];
  /** Private addresses to which callbacks may be sent. */
  readonly callbackAllow: BlockList;
  /** Time in ms for which dead letters are kept. */
  readonly failedTtlMs: number;
  /** Names of header fields and parameters whose values are kept secret, separated by commas. */
  readonly redactHeaders: string | undefined;
  /**
   * Names that look like secrets, but whose values are not kept secret; those in `HASH_KEY` are among them.
   */
  readonly redactExcept: string;
  /** Made from the two. */
  readonly redaction: Redaction;
  /** Whether dead letters keep bodies. */
  readonly deadLetterBodies: 'keep' | 'none';
  /** Folder of the protocol trace. */
  readonly protocolTrace: string | undefined;
  readonly addTimeoutMs: number;
  readonly failoverMs: number;
  /** Time in ms from a tenth of its weight to all of it, for a replica that comes into the ring; 0: none. */
  readonly slowStartMs: number;
  readonly startTimeoutMs: number;
  /** Time in ms after which an idle replica is put to sleep; 0: none is. */
  readonly sleepAfterMs: number;
  /** Time in ms for which a joined replica without a worker stays desired; undefined: none joins. */
  readonly leaveAfterMs: number | undefined;
  /** Time in ms for which a starting gateway waits for all replicas before it is ready. */
  readonly readyAfterMs: number;
  readonly drainTimeoutMs: number;
  /** How long a gateway that stops still takes requests, in ms. */
  readonly shutdownDelayMs: number;
  readonly leaseMs: number;
  /** Undefined: outlier detection is off. */
  readonly outliers: OutlierConfig | undefined;
  readonly admin: AdminSettings;
  /** Undefined: there is none. */
  readonly accessLog: AccessLogConfig | undefined;
  /** All settings as they may be shown, with their sources. */
  readonly settings: readonly SettingView[];
  readonly logLevel: string;
  readonly logFormat: LogFormat;
}

/**
 * @param env environment variables. Nothing else is read, except whether the file named by `HANDLER` exists.
 * @param sources where settings come from, if not from the environment.
 * @throws {SettingsError} that lists all faults at once.
 */
export function loadGatewayConfig(
  env: NodeJS.ProcessEnv,
  sources: SettingSources = new Map(),
): GatewayConfig {
  const { values, faults } = readSettings(gatewaySettings, env);
  faults.push(...faultsOf(values));
  const parsed = parseValues(values, faults);
  // The ring can only be made of settings that are valid by themselves.
  if (faults.length > 0) throw new SettingsError(faults);
  const ring = defaultParameters(values.RING, {
    virtualNodes: values.RING_VIRTUAL_NODES,
    probing: values.RING_PROBING,
  });
  const replicas = replicaCount(values);
  if (replicas > capacity(ring)) {
    throw new SettingsError([`REPLICAS is ${replicas}, but the ring holds ${capacity(ring)} at most`]);
  }
  const config = configOf(values, parsed, ring);
  return { ...config, settings: settingsView(env, sources, config.redaction) };
}

/** The settings whose values are a language of their own. */
type Parsed = Pick<
  GatewayConfig,
  'admin' | 'hashKey' | 'callerKey' | 'trustedProxies' | 'callbackSecrets' | 'callbackAllow'
>;

/** @param faults are added for values that cannot be parsed. */
function parseValues(values: GatewayValues, faults: string[]): Parsed {
  const secrets = parseSecrets(values.CALLBACK_SECRET ?? '');
  const allow = parseSubnets(values.CALLBACK_ALLOW ?? '');
  const proxies = parseSubnets(values.TRUSTED_PROXIES ?? '');
  const { admin, faults: adminFaults } = adminSettings(values);
  const hashKey = sourcesOf(values, 'HASH_KEY', parseHashKey, faults);
  const callerKey = sourcesOf(values, 'CALLER_KEY', parseCallerKey, faults);
  faults.push(
    ...proxies.faults.map((fault) => `TRUSTED_PROXIES ${fault}`),
    ...secrets.faults.map((fault) => `CALLBACK_SECRET ${fault}`),
    ...allow.faults.map((fault) => `CALLBACK_ALLOW ${fault}`),
    ...adminFaults,
  );
  return {
    admin,
    hashKey,
    callerKey,
    trustedProxies: values.TRUSTED_PROXIES === undefined ? undefined : proxies.subnets,
    callbackSecrets: secrets.secrets,
    callbackAllow: allow.subnets,
  };
}

function sourcesOf<Source>(
  values: GatewayValues,
  name: 'HASH_KEY' | 'CALLER_KEY',
  parse: (text: string) => readonly Source[],
  faults: string[],
): readonly Source[] {
  try {
    return parse(values[name]);
  } catch (error) {
    if (!(error instanceof HashKeyError)) throw error;
    faults.push(`${name} is ${JSON.stringify(values[name])}; ${error.message}`);
    return [];
  }
}

function configOf(
  values: GatewayValues,
  parsed: Parsed,
  ring: RingParameters,
): Omit<GatewayConfig, 'settings'> {
  const redactExcept = [values.REDACT_EXCEPT ?? '', ...fieldNames(parsed.hashKey)].join(',');
  return {
    ...parsed,
    host: values.HOST,
    port: values.PORT,
    role: values.ROLE,
    redisUrl: values.REDIS_URL,
    mayInstallRedis: values.INSTALL_REDIS === 'yes',
    workerRedisUrl: values.WORKER_REDIS_URL,
    namespace: values.NAMESPACE,
    replicas: replicaCount(values),
    maxReplicas: values.MAX_REPLICAS,
    autoscale: ruleSettingsOf(values.AUTOSCALE),
    replicaDriver: values.REPLICA_DRIVER,
    respawn: values.RESPAWN,
    containers: containerConfig(values),
    handlerPath: values.HANDLER,
    upstream: values.UPSTREAM,
    command: values.COMMAND,
    commandReady: values.COMMAND_READY,
    upstreams: parseUpstreams(values.UPSTREAMS).servers,
    upstreamHost: values.UPSTREAM_HOST,
    forwarded: values.FORWARDED,
    concurrency: values.CONCURRENCY,
    consumer: values.CONSUMER,
    ring,
    affinity: values.AFFINITY,
    loadBound: Number(values.LOAD_BOUND),
    bodyLimitBytes: values.BODY_LIMIT_BYTES,
    headLimitBytes: values.HEAD_LIMIT_BYTES,
    headLimitFields: values.HEAD_LIMIT_FIELDS,
    queueLimit: values.QUEUE_LIMIT,
    queueEvents: values.QUEUE_EVENTS,
    keyRate: values.KEY_RATE === undefined ? undefined : parseRate(values.KEY_RATE),
    keyConcurrency: values.KEY_CONCURRENCY,
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
    callerSecret: values.CALLER_SECRET,
    idempotencyScope: values.IDEMPOTENCY_SCOPE,
    allowSettingsChange: values.ALLOW_SETTINGS_CHANGE === 'yes',
    failedTtlMs: values.FAILED_TTL_S * 1000,
    redactHeaders: values.REDACT_HEADERS,
    redactExcept,
    redaction: redactionOf(values.REDACT_HEADERS, redactExcept),
    deadLetterBodies: values.DEAD_LETTER_BODIES,
    protocolTrace: values.PROTOCOL_TRACE,
    addTimeoutMs: values.ADD_TIMEOUT_MS,
    failoverMs: values.FAILOVER_MS,
    slowStartMs: values.SLOW_START_MS,
    startTimeoutMs: values.START_TIMEOUT_MS,
    sleepAfterMs: values.SLEEP_AFTER_S * 1000,
    leaveAfterMs: values.REPLICA_JOIN === 'auto' ? values.REPLICA_LEAVE_AFTER_S * 1000 : undefined,
    readyAfterMs: values.READY_AFTER_MS,
    drainTimeoutMs: values.DRAIN_TIMEOUT_MS,
    shutdownDelayMs: values.SHUTDOWN_DELAY_MS,
    leaseMs: values.LEASE_MS,
    outliers: outlierConfig(values),
    accessLog: accessLogConfig(values),
    logLevel: values.LOG_LEVEL,
    logFormat: values.LOG_FORMAT,
  };
}
