import { redactionOf } from '#shared/contract/redaction.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import type { LogFormat } from '#shared/process/pretty-lines.ts';
import { readSettings, SettingsError } from '#shared/settings/load-settings.ts';
import { commonFaults, commonSettings, handlerStallMs } from '#shared/settings/common.ts';
import { parseUpstreams } from '#shared/settings/upstreams.ts';
import { isReplicaName } from '#shared/contract/replica-name.ts';

/** The settings of a worker. */
export const workerSettings = {
  type: 'object',
  properties: {
    ...commonSettings,
    REPLICA: { type: 'string', description: 'Name of the replica that this worker runs.' },
    GENERATION: {
      type: 'integer',
      minimum: 1,
      description: 'Generation of the replica; the controller sets it. Unset: the worker raises it itself.',
    },
    HEALTH_FILE: {
      type: 'string',
      description:
        'File that the worker touches each time it renews its lease, for health checks that start no ' +
        'Node process.',
    },
  },
  required: ['REDIS_URL', 'REPLICA'],
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
  readonly healthFile: string | undefined;
  /** Time in ms for which dead letters are kept. */
  readonly failedTtlMs: number;
  /** The headers and parameters that dead letters leave out. */
  readonly redaction: Redaction;
  /** Whether dead letters keep bodies. */
  readonly deadLetterBodies: 'keep' | 'none';
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
  if (values.REPLICA !== undefined && !isReplicaName(values.REPLICA)) {
    faults.push(`REPLICA is ${JSON.stringify(values.REPLICA)}; it must be a valid container hostname`);
  }
  if (faults.length > 0) throw new SettingsError(faults);
  return {
    redisUrl: values.REDIS_URL,
    namespace: values.NAMESPACE,
    replica: values.REPLICA,
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
    failedTtlMs: values.FAILED_TTL_S * 1000,
    redaction: redactionOf(values.REDACT_HEADERS, values.REDACT_EXCEPT),
    deadLetterBodies: values.DEAD_LETTER_BODIES,
    logLevel: values.LOG_LEVEL,
    logFormat: values.LOG_FORMAT,
  };
}
