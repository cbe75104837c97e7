import { given } from './environment.ts';
import { once } from 'node:events';
import { flushCompileCache } from 'node:module';
import { adopterOf } from '#shared/contract/lease.ts';
import { noteCrash } from '#shared/store/crash-notes.ts';
import { expectedOfReplica } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import { createLogger } from '#shared/process/logger.ts';
import type { Logger } from '#shared/process/logger.ts';
import { keysOf, redisOf } from '#shared/store/redis/access.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { warnOfSkew } from '#shared/store/redis/clock-warning.ts';
import { nextGeneration, pardon } from '#shared/store/replica-queue.ts';
import { safeMessage } from '#shared/process/safe-error.ts';
import { SettingsError } from '#shared/settings/load-settings.ts';
import { onTermination } from '#shared/process/signals.ts';
import { describe } from '#shared/process/uncaught.ts';
import { keepHeapYoung } from '#shared/v8/young-heap.ts';
import { loadWorkerConfig } from './config.ts';
import type { WorkerConfig } from './config.ts';
import { decodeCancellations } from '#shared/contract/cancellation.ts';
import { Aftermath } from './reply/aftermath.ts';
import { Adoptions } from './tenure/adoptions.ts';
import { FinishedRuns } from './run/finished-runs.ts';
import { CancelledIds } from './run/cancelled-ids.ts';
import { createHandler } from './handlers/create-handler.ts';
import { Heartbeat } from './lease/heartbeat.ts';
import { LeaseKeeper } from './lease/lease-keeper.ts';
import { startLeaseThread } from './lease/start-lease-thread.ts';
import { inheritedBy } from './tenure/inheritance.ts';
import { Intake } from './queue/intake.ts';
import { LargeValues } from '#shared/store/large-values.ts';
import { reclaimAhead } from './tenure/reclaim-ahead.ts';
import { ReplicaLease } from './lease/replica-lease.ts';
import { ReplyBudget } from './handlers/reply-budget.ts';
import { Slots } from '#shared/process/slots.ts';
import { StrayErrors } from './stray-errors.ts';
import { Tenure } from './tenure/tenure.ts';
import { tickScript } from '#shared/store/tick.ts';
import type { TickScript } from '#shared/store/tick.ts';

/** Runs one worker until it is told to go. */
async function main(config: WorkerConfig, env: NodeJS.ProcessEnv): Promise<void> {
  keepHeapYoung();
  const { replica, concurrency, drainTimeoutMs, leaseMs } = config;
  const log = createLogger('worker', config.logLevel, { replica });
  const open = (name: string): Connection =>
    openConnection({ url: config.redisUrl, namespace: config.namespace, name, use: 'patient' }, log);
  const connection = open(`worker:${replica}`);
  const [redis, keys] = [redisOf(connection), keysOf(connection)];
  const clock = clockOf(redis);
  warnOfSkew(clock, log);
  await clock.measure();
  const repair = new KeyRepair(redis, keys, log, 'worker');
  const mending = <T>(act: () => Promise<T>): Promise<T> =>
    repair.mending(act, () => expectedOfReplica(keys, replica));
  const generation = config.generation ?? (await mending(() => nextGeneration(redis, keys, replica)));

  const superseded = (): void => {
    log.error('a newer generation runs; leaving at once');
    process.exit(1);
  };
  // Until it takes jobs there is nothing to finish.
  let leave = (_reason: string): void => process.exit(1);
  let running = (): string[] => [];
  let stopping = false;
  let noted: Promise<void> | undefined;
  new StrayErrors({
    onUncaught: (thrown) => {
      const reason = `an exception was not caught: ${safeMessage(thrown)}`;
      noted = noteCrash(redis, keys, replica, {
        generation,
        at: clock.now(),
        reason,
        requests: running(),
      }).catch((error: unknown) => log.debug({ err: error }, 'the crash was not noted'));
      leave('an uncaught exception');
    },
    log,
  }).listen();
  const endsLease = config.generation === undefined;
  const { redisUrl, namespace, handlerStallMs, healthFile, logLevel } = config;
  const keeper = new LeaseKeeper({
    redisUrl,
    namespace,
    replica,
    generation,
    leaseMs,
    handlerStallMs,
    endsLease,
    healthFile,
    logLevel,
    env,
    clock,
    onWithdrawn: () => {
      tenure.wake();
      adoptions.wake();
    },
    onEnded: (error) => {
      log.error({ err: error }, 'nothing renews the lease any more; leaving at once');
      process.exit(1);
    },
  });
  const { failedTtlMs, redaction, deadLetterBodies } = config;
  const large = new LargeValues(() => open(`worker:${replica}:large-values`));
  const aftermath = new Aftermath({ connection, failedTtlMs, redaction, deadLetterBodies, large, log });
  const budget = new ReplyBudget(config.replyLimitBytes);
  const lease = new ReplicaLease({ redis, keys, replica, generation, leaseMs });
  const ahead = { connection, redis, keys, aftermath, large, log };
  await mending(() => reclaimAhead({ ...ahead, lease, onSuperseded: superseded }));
  const reclaimInherited = async (): Promise<void> => {
    for (const name of await inheritedBy(redis, keys, replica)) {
      const adopter = adopterOf(replica, generation);
      const inherited = new ReplicaLease({ redis, keys, replica: name, generation: 0, adopter, leaseMs });
      await reclaimAhead({ ...ahead, lease: inherited, onSuperseded: () => undefined });
    }
  };
  // What fails here is done when the queue is adopted.
  await reclaimInherited().catch((error: unknown) =>
    log.warn({ err: error }, 'what inherited queues held is taken back later'),
  );

  const handler = await createHandler({
    replica,
    connections: concurrency,
    budget,
    ...(config.handlerPath === undefined ? {} : { handlerPath: config.handlerPath }),
    ...(config.upstream === undefined ? {} : { upstream: config.upstream }),
    upstreamHost: config.upstreamHost,
    forwarded: config.forwarded,
  });
  const slots = new Slots(concurrency);
  const finished = new FinishedRuns();
  const cancelled = new CancelledIds();
  const tick = chooseTick(config, log);
  const parts = {
    connection,
    redis,
    keys,
    worker: replica,
    handler,
    slots,
    intake: new Intake(),
    tick,
    aftermath,
    finished,
    cancelled,
    large,
    budget,
    concurrency,
    leaseMs,
  };
  const heartbeat = new Heartbeat({
    redis,
    keys,
    replica,
    generation,
    lease,
    keeper,
    leaseMs,
    log,
    endsLease,
    running: () => tenure.size,
    onSuperseded: superseded,
    onRetired: () => process.kill(process.pid, 'SIGTERM'),
  });
  const tenure = new Tenure({
    ...parts,
    lease,
    log,
    makeCertain: () => heartbeat.makeCertain(),
    onSuperseded: superseded,
    onStuck: () => process.exit(1),
  });
  const adoptions = new Adoptions({ redis, keys, replica, generation, leaseMs, keeper, parts, log });

  const cancellations = open(`worker:${replica}:cancellations`);
  const subscriber = redisOf(cancellations);
  subscriber.on('message', (_, message: string) => {
    for (const id of decodeCancellations(message)) {
      cancelled.add(id, performance.now());
      tenure.cancel(id);
      adoptions.cancel(id);
    }
  });
  // Before the first job is taken.
  const listening = subscriber.subscribe(keys.cancellations);
  listening.catch((error: unknown) => log.debug({ err: error }, 'cancellations are not heard'));

  running = () => [...tenure.running, ...adoptions.running];
  leave = onTermination({
    timeoutMs: drainTimeoutMs,
    inFlight: running,
    stop: async (cause) => {
      stopping = true;
      // Without Redis there is nobody to tell, and nothing that could be finished.
      if (redis.status !== 'ready' && tenure.size === 0) return;
      // What is abandoned when the time for the drain is over has not killed this worker, unless it threw.
      if (cause === 'signal') {
        await pardon(redis, keys, replica, generation, drainTimeoutMs);
        await adoptions.pardon(drainTimeoutMs);
      }
      await heartbeat.leaving();
      await Promise.all([tenure.stop(), adoptions.stop()]);
      await handler.close();
      await heartbeat.stop();
      await Promise.all([keeper.stop(), noted]);
      connection.close();
      large.close();
      cancellations.close();
    },
  });
  const begin = async (): Promise<void> => {
    await heartbeat.start();
    await tenure.start();
    // Before anything new comes, since some of what it inherits may have to run apart.
    await adoptions.inherit();
    await heartbeat.ready();
    await adoptions.start();
    await listening;
    log.info('ready');
  };
  await begin().catch((error: unknown) => {
    // A worker that is told to go while it starts has nothing to finish; its stop ends the process.
    if (!stopping) throw error;
  });
}

/** @returns the script of the batched consumer; undefined where the stock one serves. */
function chooseTick({ consumer }: WorkerConfig, log: Logger): TickScript | undefined {
  if (consumer === 'stock') return undefined;
  const script = tickScript();
  if ('lua' in script) return script;
  log.warn({ reason: script.fault }, 'the stock consumer serves');
  return undefined;
}

/** What runs without settings fills the cache of compiled code: this process has all its modules, a thread has others. */
async function cacheCompiledCode(): Promise<void> {
  // Compiled code is for the flags of its time, and what is running now was begun without them.
  flushCompileCache();
  keepHeapYoung();
  await once(startLeaseThread(process.env), 'exit');
}

try {
  if (given.faults.length > 0) throw new SettingsError(given.faults);
  await main(loadWorkerConfig(given.env), process.env);
} catch (error) {
  const known = error instanceof SettingsError;
  process.stderr.write(`ringpost worker: ${known ? String(error) : describe(error)}\n`);
  if (known) await cacheCompiledCode();
  process.exit(1);
}
