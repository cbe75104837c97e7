import { createKeys } from '#shared/keys.ts';
import { createLogger } from '#shared/logger.ts';
import { openRedis } from '#shared/redis.ts';
import { nextGeneration } from '#shared/replica-queue.ts';
import { SettingsError } from '#shared/settings/load-settings.ts';
import { onTermination } from '#shared/signals.ts';
import { loadWorkerConfig } from './config.ts';
import type { WorkerConfig } from './config.ts';
import { createHandler } from './handlers/create-handler.ts';
import { Heartbeat } from './heartbeat.ts';
import { OrphanSweep } from './orphan-sweep.ts';
import { activeJobs, reclaim } from './reclaim.ts';
import { ReplyOutbox } from './reply-outbox.ts';
import { Runner } from './runner.ts';
import { createStockConsumer } from './stock-consumer.ts';
import { Watchdog } from './watchdog.ts';

/** Runs one worker until it is told to go. */
async function main(config: WorkerConfig): Promise<void> {
  const { replica, concurrency, drainTimeoutMs, leaseMs } = config;
  const keys = createKeys(config.namespace);
  const log = createLogger('worker', config.logLevel, { replica });
  const redis = openRedis(config.redisUrl, `${config.namespace}:worker:${replica}`, 'patient', log);
  const generation = config.generation ?? (await nextGeneration(redis, keys, replica));

  const handler = await createHandler({
    replica,
    connections: concurrency,
    ...(config.handlerPath === undefined ? {} : { handlerPath: config.handlerPath }),
    ...(config.upstream === undefined ? {} : { upstream: config.upstream }),
  });
  const leave = (): void => {
    log.error('a newer generation runs; leaving at once');
    process.exit(1);
  };
  const outbox = new ReplyOutbox(redis, keys, replica, generation, leave);
  const heartbeat = new Heartbeat({
    redis,
    keys,
    replica,
    generation,
    leaseMs,
    log,
    endsLease: config.generation === undefined,
    healthFile: config.healthFile,
    running: () => runner.size,
    onSuperseded: leave,
    onRetired: () => process.kill(process.pid, 'SIGTERM'),
  });
  const runner = new Runner({ handler, outbox, redis, keys, replica, lease: heartbeat, log });
  const consumer = createStockConsumer({
    redis,
    keys,
    replica,
    concurrency,
    log,
    run: (id, job, attempt) => runner.run(id, job, attempt),
  });
  const reclaiming = { redis, keys, replica, outbox, log };
  const sweep = new OrphanSweep({ ...reclaiming, runner, consumer, everyMs: leaseMs / 3 });

  const watchdog = new Watchdog({
    redis,
    keys,
    replica,
    runner,
    everyMs: leaseMs / 3,
    onStuck: () => process.exit(1),
    log,
  });

  onTermination({
    timeoutMs: drainTimeoutMs,
    inFlight: () => runner.running,
    stop: async () => {
      // Without Redis there is nobody to tell, and nothing that could be finished.
      if (redis.status !== 'ready' && runner.size === 0) return;
      await Promise.all([sweep.stop(), watchdog.stop()]);
      await heartbeat.leaving();
      await consumer.stop();
      await handler.close();
      await heartbeat.stop();
      redis.disconnect();
    },
  });
  await heartbeat.start();
  await reclaim(reclaiming, await activeJobs(reclaiming));
  await consumer.start();
  await Promise.all([sweep.start(), watchdog.start()]);
  await heartbeat.ready();
  log.info('ready');
}

try {
  await main(loadWorkerConfig(process.env));
} catch (error) {
  const known = error instanceof SettingsError;
  process.stderr.write(
    `ringpost worker: ${known || !(error instanceof Error) ? String(error) : error.stack}\n`,
  );
  process.exit(1);
}
