import { environment } from './environment.ts';
import { unloadedExitCode } from '#shared/contract/unloaded.ts';
import { createLogger } from '#shared/process/logger.ts';
import { onTermination } from '#shared/process/signals.ts';
import { Slots } from '#shared/process/slots.ts';
import { writeStderr } from '#shared/process/stderr.ts';
import { describe } from '#shared/process/uncaught.ts';
import { SettingsError } from '#shared/settings/load-settings.ts';
import { LargeValues } from '#shared/store/replies/large-values.ts';
import { warnOfSkew } from '#shared/store/redis/clock-warning.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { disablePretenuring } from '#shared/v8/pretenuring.ts';
import { fillCompileCache } from './compile-cache.ts';
import { loadWorkerConfig } from './config.ts';
import type { WorkerConfig } from './config.ts';
import { CrashExit } from './crash-exit.ts';
import { createHandler } from './handlers/create-handler.ts';
import { loadHandler } from './handler-loading.ts';
import { captureOutput } from './handlers/capture-output.ts';
import { HandlerLoadError } from './handlers/load-error.ts';
import { ReplyBudget } from './handlers/reply-budget.ts';
import { Heartbeat } from './lease/heartbeat.ts';
import { LeaseKeeper } from './lease/lease-keeper.ts';
import { ownGeneration } from './lease/own-generation.ts';
import { ReplicaLease } from './lease/replica-lease.ts';
import { chooseTick } from './queue/consumer-choice.ts';
import { Intake } from './queue/intake.ts';
import { Aftermath } from './reply/aftermath.ts';
import { CancelledIds } from './run/cancelled-ids.ts';
import { FinishedRuns } from './run/finished-runs.ts';
import { Adoptions } from './session/adoptions.ts';
import { Cancellations } from './session/cancellations.ts';
import { reclaimEarly } from './session/early-reclaim.ts';
import { QueueSession } from './session/queue-session.ts';
import { ServedQueues } from './session/served-queues.ts';
import { UnhandledErrors } from './unhandled-errors.ts';
import { WorkerProcess } from './worker-process.ts';

/** Runs one worker until it is told to leave. */
async function main(config: WorkerConfig, env: NodeJS.ProcessEnv): Promise<void> {
  disablePretenuring();
  const { redisUrl: url, namespace, replica, leaseMs, concurrency, drainTimeoutMs, handlerPath } = config;
  const log = createLogger('worker', config.logLevel, { replica }, config.logFormat);
  const open = (name: string): Connection =>
    openConnection({ url, namespace, name: `worker:${replica}${name}`, use: 'patient' }, log);
  const connection = open('');
  const clock = clockOf(connection);
  warnOfSkew(clock, log);
  await clock.measure();
  const generation = config.generation ?? (await ownGeneration(connection, replica, log));
  const common = { connection, replica, generation, leaseMs, drainTimeoutMs, log };
  const served = new ServedQueues();
  const crashExit = new CrashExit({ ...common, served });
  new UnhandledErrors({ onUncaught: (thrown) => crashExit.onUncaught(thrown), log }).listen();
  const exit = (reason: string, fields: object = {}): void => {
    log.error(fields, `${reason}; exiting now`);
    process.exit(1);
  };
  const onSuperseded = (): void => exit('a newer generation runs');

  // A driver that gave the worker its generation also sees it end, and ends its lease.
  const endsLease = config.generation === undefined;
  const keeper = new LeaseKeeper({
    ...config,
    generation,
    endsLease,
    env,
    clock,
    onWithdrawn: () => served.wake(),
    onEnded: (err) => exit('the lease is no longer being renewed', { err }),
  });
  const large = new LargeValues(() => open(':large-values'));
  const aftermath = new Aftermath({ ...config, ...common, large });
  const lease = new ReplicaLease(common);
  await reclaimEarly({ ...common, lease, aftermath, large, onSuperseded });

  const budget = new ReplyBudget(config.replyLimitBytes);
  const output = handlerPath === undefined ? undefined : captureOutput(replica, config.logFormat);
  const choice = { ...config, connections: concurrency, budget, output };
  const handler = await loadHandler(() => createHandler(choice), common);
  const cancelled = new CancelledIds();
  const sessionParts = {
    connection,
    leaseMs,
    worker: replica,
    concurrency,
    handler,
    aftermath,
    large,
    budget,
    cancelled,
    slots: new Slots(concurrency),
    intake: new Intake(),
    finished: new FinishedRuns(),
    tick: chooseTick(config.consumer, log),
  };
  const heartbeat = new Heartbeat({
    ...common,
    lease,
    keeper,
    endsLease,
    running: () => served.sizeOf(replica),
    onSuperseded,
    onRetired: () => process.kill(process.pid, 'SIGTERM'),
  });
  const makeCertain = (): Promise<boolean> => heartbeat.makeCertain();
  const onStuck = (): void => process.exit(1);
  const session = new QueueSession({ ...sessionParts, lease, makeCertain, onSuperseded, onStuck, log });
  served.add(session);
  const adoptions = new Adoptions({ ...common, keeper, parts: sessionParts, served });
  const cancellations = new Cancellations({ connection: open(':cancellations'), cancelled, served, log });
  const toStop = { handler, keeper, heartbeat, session, adoptions, cancellations, large };
  const worker = new WorkerProcess({ ...common, ...toStop, crashExit });
  const leave = onTermination({
    timeoutMs: drainTimeoutMs,
    inFlight: () => served.running,
    stop: (cause) => worker.stop(cause),
  });
  crashExit.drainBy(leave);
  await worker.start();
}

try {
  if (environment.faults.length > 0) throw new SettingsError(environment.faults);
  await main(loadWorkerConfig(environment.env), process.env);
} catch (error) {
  // It is logged and noted already.
  if (error instanceof HandlerLoadError) process.exit(unloadedExitCode);
  const known = error instanceof SettingsError;
  writeStderr(`ringpost worker: ${known ? String(error) : describe(error)}\n`);
  // The image build starts a worker without settings, to fill the compile cache.
  if (known) await fillCompileCache();
  process.exit(1);
}
