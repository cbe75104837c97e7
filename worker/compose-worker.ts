import type { Logger } from '#shared/process/logger.ts';
import { Slots } from '#shared/process/slots.ts';
import { loadTelemetry } from '#shared/trace/telemetry.ts';
import { LargeValues } from '#shared/store/replies/large-values.ts';
import { warnOfSkew } from '#shared/store/redis/clock-warning.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { SignalFeed } from '#shared/store/streams/signal-feed.ts';
import { openTrace } from '#shared/store/trace/open-trace.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { WorkerConfig } from './config.ts';
import type { Handler } from './handlers/handler.ts';
import { ReplyBudget } from './handlers/reply-budget.ts';
import { Departure } from './join/departure.ts';
import { Membership } from './join/membership.ts';
import { Heartbeat } from './lease/heartbeat.ts';
import { LeaseKeeper } from './lease/lease-keeper.ts';
import { ownGeneration } from './lease/own-generation.ts';
import { SharedAnswers } from './lease/shared-answers.ts';
import { ReplicaLease } from './lease/replica-lease.ts';
import { findNotesFolder } from './notes/notes-folder.ts';
import { chooseConsumer } from './queue/consumer-choice.ts';
import { Intake } from './queue/intake.ts';
import { ReadyFile } from './ready-file.ts';
import { Aftermath } from './reply/aftermath.ts';
import { AnswerTally } from './run/answer-tally.ts';
import { CancelledIds } from './run/cancelled-ids.ts';
import { FinishedRuns } from './run/finished-runs.ts';
import { Idleness } from './session/idleness.ts';
import { Adoptions } from './session/adoptions.ts';
import { Cancellations } from './session/cancellations.ts';
import { reclaimEarly } from './session/early-reclaim.ts';
import { QueueSession } from './session/queue-session.ts';
import { ServedQueues } from './session/served-queues.ts';
import { StopTime } from './stream/stop-time.ts';
import { StreamSlots } from './stream/stream-slots.ts';
import { ProcessSpans } from './trace/process-spans.ts';
import { WorkerProcess } from './worker-process.ts';

/** A worker that is connected to Redis and knows its generation. It does nothing yet. */
export interface OpenWorker {
  readonly config: WorkerConfig;
  readonly connection: Connection;
  readonly replica: string;
  readonly generation: number;
  readonly served: ServedQueues;
  /** Undefined if replicas do not join by themselves. */
  readonly membership: Membership | undefined;
  readonly readyFile: ReadyFile;
  readonly log: Logger;
  /** Opens a further connection. */
  readonly open: (name: string) => Connection;
}

/**
 * Connects a worker to Redis, and raises its replica's generation if no driver has given it one.
 * @param leaving closes all connections when it fires; not needed if the process ends with the worker.
 */
export async function openWorker(
  config: WorkerConfig,
  log: Logger,
  leaving?: AbortSignal,
): Promise<OpenWorker> {
  const { redisUrl: url, namespace, replica } = config;
  const readyFile = new ReadyFile(config.readyFile, log);
  const trace = openTrace(config.protocolTrace, 'worker', replica);
  if (trace !== undefined) leaving?.addEventListener('abort', () => trace.close());
  const open = (name: string): Connection => {
    const options = { url, namespace, name: `worker:${replica}${name}`, use: 'patient', trace } as const;
    const connection = openConnection(options, log);
    if (leaving?.aborted) connection.giveUp();
    leaving?.addEventListener('abort', () => connection.giveUp());
    return connection;
  };
  const connection = open('');
  const clock = clockOf(connection);
  warnOfSkew(clock, log);
  await clock.measure();
  const generation = config.generation ?? (await ownGeneration(connection, replica, log));
  const { healthFile } = config;
  // A worker that a driver has started is desired.
  const joins = config.join === 'auto' && config.generation === undefined;
  const membership = joins ? new Membership({ connection, replica, generation, healthFile, log }) : undefined;
  const served = new ServedQueues();
  return { config, connection, replica, generation, served, membership, readyFile, log, open };
}

/** Why a worker ends by itself. */
export type WorkerFault = keyof typeof faultTexts;

/** What each means, for people. */
export const faultTexts = {
  superseded: 'a newer generation runs',
  lease_lost: 'the lease is no longer being renewed',
  stuck: 'jobs wait but none is run',
} as const;

export interface WorkerSurroundings {
  /** Of this process, for the lease thread. */
  readonly env: NodeJS.ProcessEnv;
  /** Whether this process is a program that goes on without the worker. */
  readonly hosted?: boolean;
  /**
   * Makes the handler, once the jobs that dead workers held are reclaimed.
   * @param budget limits the bytes of answers.
   */
  readonly createHandler: (budget: ReplyBudget) => Promise<Handler>;
  /** Called if the worker must take, run and answer nothing from now on. */
  readonly onFault: (fault: WorkerFault, error?: Error) => void;
  /** Called if its replica was removed and its queue is empty: it may leave. */
  readonly onRetired: () => void;
  /** Resolves when what is noted about the end of this process is in Redis. */
  readonly noted: () => Promise<void>;
}

/** Puts the parts of a worker together. Only then does it know how to start and stop. */
export async function composeWorker(
  opened: OpenWorker,
  surroundings: WorkerSurroundings,
): Promise<WorkerProcess> {
  const { config, connection, replica, generation, served, log, open } = opened;
  const { membership, readyFile } = opened;
  const { env, hosted, onFault, onRetired, noted } = surroundings;
  const { leaseMs, concurrency, drainTimeoutMs } = config;
  const common = { connection, replica, generation, leaseMs, drainTimeoutMs, log };
  const onSuperseded = (): void => onFault('superseded');

  // A driver that gave the worker its generation also sees it end, and ends its lease.
  const endsLease = config.generation === undefined;
  const finished = new FinishedRuns();
  const idleness = new Idleness(served, finished, clockOf(connection));
  const slots = new Slots(concurrency);
  const streamSlots = new StreamSlots(config.streamConcurrency);
  const answers = new SharedAnswers();
  const keeper = new LeaseKeeper({
    ...config,
    answers,
    idle: () => idleness.measure(performance.now()),
    generation,
    endsLease,
    hosted,
    env,
    load: () => ({
      concurrency,
      utilisation: Math.max(slots.taken / concurrency, streamSlots.taken / config.streamConcurrency),
    }),
    clock: clockOf(connection),
    onWithdrawn: () => served.wake(),
    onEnded: (error) => onFault('lease_lost', error),
  });
  const large = new LargeValues(() => open(':large-values'));
  const aftermath = new Aftermath({ ...config, ...common, large });
  const lease = new ReplicaLease(common);
  const folder = findNotesFolder(env);
  const notesPlace = folder === undefined ? undefined : { folder, namespace: config.namespace };
  await reclaimEarly({ ...common, lease, notesPlace, aftermath, large, onSuperseded });

  const budget = new ReplyBudget(config.replyLimitBytes);
  const handler = await surroundings.createHandler(budget);
  // The module of a handler may load the SDK.
  const telemetry = await loadTelemetry(log);
  const cancelled = new CancelledIds();
  const stopTime = new StopTime();
  const listening = open(':cancellations');
  const sessionParts = {
    connection,
    leaseMs,
    worker: replica,
    concurrency,
    handler,
    spans: telemetry && new ProcessSpans(telemetry),
    aftermath,
    large,
    budget,
    cancelled,
    slots,
    drainTimeoutMs,
    stopTime,
    replyLimitBytes: config.replyLimitBytes,
    streamAboveBytes: config.streamAboveBytes,
    streamIdleTimeoutMs: config.streamIdleTimeoutMs,
    streamSlots,
    feed: new SignalFeed(listening),
    intake: new Intake(),
    notesPlace,
    finished,
    tally: new AnswerTally(answers),
    choice: await chooseConsumer(config.consumer, log),
  };
  const departure = membership && new Departure(membership, log);
  const heartbeat = new Heartbeat({
    ...common,
    lease,
    keeper,
    endsLease,
    healthFile: config.healthFile,
    running: () => served.sizeOf(replica),
    onSuperseded,
    onRemoved: (isRemoved) => session.limitStreams(isRemoved),
    onRetired: () => {
      if (departure?.drained() !== true) onRetired();
    },
  });
  const makeCertain = (): Promise<boolean> => heartbeat.makeCertain();
  const onStuck = (): void => onFault('stuck');
  const session = new QueueSession({ ...sessionParts, lease, makeCertain, onSuperseded, onStuck, log });
  served.add(session);
  const adoptions = new Adoptions({ ...common, keeper, parts: sessionParts, served });
  const cancellations = new Cancellations({ connection: listening, cancelled, served, log });
  const parts = { handler, keeper, heartbeat, session, adoptions, cancellations, large, noted, telemetry };
  return new WorkerProcess({ ...common, ...parts, departure, stopTime, readyFile });
}
