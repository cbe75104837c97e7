import { hostname } from 'node:os';
import { redactionOf } from '#shared/contract/redaction.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import type { LogFormat } from '#shared/process/pretty-lines.ts';
import { readSettings, SettingsError } from '#shared/settings/load-settings.ts';
import type { SettingsOf } from '#shared/settings/load-settings.ts';
import { commonFaults, commonSettings, handlerStallMs } from '#shared/settings/common.ts';
import { parseUpstreams } from '#shared/settings/upstreams.ts';
import { isReplicaName } from '#shared/contract/replica-name.ts';

/** The settings of a worker. */
export const workerSettings = {
  type: 'object',
  properties: {
    ...commonSettings,
    REPLICA: {
      type: 'string',
      description:
        'Name of the replica that this worker runs. Unset: the name of its host, if replicas join by ' +
        'themselves (`REPLICA_JOIN`).',
    },
    GENERATION: {
      type: 'integer',
      minimum: 1,
      description: 'Generation of the replica; the controller sets it. Unset: the worker raises it itself.',
    },
    HEALTH_FILE: {
      type: 'string',
      description:
        'File that the worker touches each time it renews its lease, for health checks that start no ' +
        'Node process, and while it waits to join.',
    },
    READY_FILE: {
      type: 'string',
      description: 'File that exists while the worker takes jobs, for readiness checks.',
    },
  },
  required: ['REDIS_URL'],
} as const;

export interface WorkerConfig {
  readonly redisUrl: string;
  readonly namespace: string;
  readonly replica: string;
  readonly generation: number | undefined;
  readonly handlerPath: string | undefined;
  readonly upstream: URL | undefined;
  /** The command line of a program that serves HTTP. */
  readonly command: string | undefined;
  /** The path that the program answers once it is ready; undefined: it accepts a connection. */
  readonly commandReady: string | undefined;
  /** The servers of UPSTREAMS, of which the worker uses its replica's; none if it is not set. */
  readonly upstreams: readonly URL[];
  readonly upstreamHost: 'client' | 'upstream';
  readonly forwarded: 'both' | 'standard' | 'none';
  readonly concurrency: number;
  readonly consumer: 'batched' | 'stock';
  readonly drainTimeoutMs: number;
  /** Time in ms that this worker may take to start. */
  readonly startTimeoutMs: number;
  readonly leaseMs: number;
  /** Time in ms for which a handler may block the event loop. */
  readonly handlerStallMs: number;
  /** The size limit of the body of an answer, in bytes. */
  readonly replyLimitBytes: number;
  /** A larger answer is a stream, in bytes. */
  readonly streamAboveBytes: number;
  /** Streams at once. */
  readonly streamConcurrency: number;
  /** How long the source of a stream may bring nothing, in ms; 0: without a limit. */
  readonly streamIdleTimeoutMs: number;
  /** Whether the worker makes its replica one by itself. */
  readonly join: 'manual' | 'auto';
  readonly healthFile: string | undefined;
  readonly readyFile: string | undefined;
  /** Time in ms for which dead letters are kept. */
  readonly failedTtlMs: number;
  /** The headers and parameters that dead letters leave out. */
  readonly redaction: Redaction;
  /** Whether dead letters keep bodies. */
  readonly deadLetterBodies: 'keep' | 'none';
  /** Folder of the protocol trace. */
  readonly protocolTrace: string | undefined;
  readonly logLevel: string;
  readonly logFormat: LogFormat;
}

/**
 * @param env the environment variables; nothing else is read.
 * @throws {SettingsError} that lists all faults at once.
 */
export function loadWorkerConfig(env: NodeJS.ProcessEnv): WorkerConfig {
  const { values, faults } = readSettings(workerSettings, env);
  faults.push(...commonFaults(values));
  const replica = replicaOf(values, faults);
  if (faults.length > 0) throw new SettingsError(faults);
  return {
    redisUrl: values.REDIS_URL,
    namespace: values.NAMESPACE,
    replica,
    join: values.REPLICA_JOIN,
    generation: values.GENERATION,
    handlerPath: values.HANDLER,
    upstream: values.UPSTREAM === undefined ? undefined : new URL(values.UPSTREAM),
    command: values.COMMAND,
    commandReady: values.COMMAND_READY,
    upstreams: parseUpstreams(values.UPSTREAMS).servers,
    upstreamHost: values.UPSTREAM_HOST,
    forwarded: values.FORWARDED,
    concurrency: values.CONCURRENCY,
    consumer: values.CONSUMER,
    drainTimeoutMs: values.DRAIN_TIMEOUT_MS,
    startTimeoutMs: values.START_TIMEOUT_MS,
    leaseMs: values.LEASE_MS,
    handlerStallMs: handlerStallMs(values),
    replyLimitBytes: values.REPLY_LIMIT_BYTES,
    streamAboveBytes: values.STREAM_ABOVE_BYTES,
    streamConcurrency: values.STREAM_CONCURRENCY,
    streamIdleTimeoutMs: values.STREAM_IDLE_TIMEOUT_MS,
    healthFile: values.HEALTH_FILE,
    readyFile: values.READY_FILE,
    failedTtlMs: values.FAILED_TTL_S * 1000,
    redaction: redactionOf(values.REDACT_HEADERS, values.REDACT_EXCEPT),
    deadLetterBodies: values.DEAD_LETTER_BODIES,
    protocolTrace: values.PROTOCOL_TRACE,
    logLevel: values.LOG_LEVEL,
    logFormat: values.LOG_FORMAT,
  };
}

/** @param faults are added if there is no name, or one that no replica can have. */
function replicaOf(values: SettingsOf<typeof workerSettings>, faults: string[]): string {
  const { REPLICA, REPLICA_JOIN } = values;
  if (REPLICA === undefined && REPLICA_JOIN !== 'auto') {
    faults.push('REPLICA is missing: Name of the replica that this worker runs.');
    return '';
  }
  const replica = REPLICA ?? hostname();
  if (isReplicaName(replica)) return replica;
  const which = REPLICA === undefined ? 'REPLICA is not set, and the name of this host' : 'REPLICA';
  faults.push(`${which} is ${JSON.stringify(replica)}; it must be a valid container hostname`);
  return replica;
}
