import { DelayedError, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { inRedisTime } from '#shared/store/redis/bullmq-time.ts';
import { isJob } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { expectedOfJobs } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { Consumer, OnFinished, OnGarbled, RunJob } from '../run/consumer.ts';

export interface StockConsumerOptions {
  /** A patient connection; BullMQ opens a second one for its blocking reads and leaves this one open. */
  readonly redis: Redis;
  readonly keys: Keys;
  readonly replica: string;
  /** Jobs at once. */
  readonly concurrency: number;
  readonly run: RunJob;
  readonly onFinished: OnFinished;
  readonly onGarbled: OnGarbled;
  readonly log: Logger;
}

/**
 * A consumer that is BullMQ's own `Worker`.
 *
 * Its stalled check is off: it would run every job of a dead worker again, safe or not. What a dead generation held
 * is reclaimed by `reclaim.ts` instead.
 */
export function createStockConsumer(options: StockConsumerOptions): Consumer {
  const { redis, keys, replica, concurrency, run, onFinished, onGarbled, log } = options;
  const repair = new KeyRepair(redis, keys, log, 'worker');
  const process = async (job: Job<JobData>, token?: string): Promise<void> => {
    // One that is no JSON does not come here: it stays active, and the sweep finds it.
    if (!isJob(job.data)) {
      await onGarbled(job.id ?? '');
      return;
    }
    const putBack = await run(job.id ?? '', job.data, job.attemptsStarted);
    if (putBack === undefined) return;
    try {
      await job.moveToDelayed(clockOf(redis).toOwn(putBack.notBefore), token);
    } catch (error) {
      // It stays active, in nobody's hands: the sweep finds it. To fail would be to give it up.
      log.warn({ request: job.id, err: error }, 'a job could not be put back');
    }
    throw new DelayedError();
  };
  let worker: Worker<JobData> | undefined;
  let running: Promise<void> | undefined;
  let paused = false;
  const life = startStop(
    async () => {
      worker = new Worker<JobData>(keys.queue(replica), process, {
        connection: redis,
        prefix: keys.prefix,
        concurrency,
        autorun: false,
        skipStalledCheck: true,
        skipVersionCheck: true,
        runRetryDelay: 250,
        removeOnComplete: { count: 0 },
        removeOnFail: { count: 0 },
      });
      inRedisTime(worker, clockOf(redis));
      worker.on('completed', (job) => onFinished(job.id ?? '', job.data));
      worker.on('error', (error) => {
        log.warn({ err: error }, 'the queue reports an error');
        void repair.after(error, () => expectedOfJobs(keys, replica));
      });
      worker.on('failed', (job, error) => log.error({ request: job?.id, err: error }, 'a job failed'));
      await worker.waitUntilReady();
      if (paused) await worker.pause(true);
      running = worker.run();
    },
    async () => {
      await worker?.close();
      await running;
    },
  );
  return {
    ...life,
    pause: () => {
      paused = true;
      // What it holds goes on.
      worker?.pause(true).catch((error: unknown) => log.debug({ err: error }, 'not paused'));
    },
    resume: () => {
      paused = false;
      worker?.resume().catch((error: unknown) => log.debug({ err: error }, 'not resumed'));
    },
    // It takes none by direct delivery, and BullMQ wakes it.
    wake: () => undefined,
    abandon: () => {
      worker?.close(true).catch((error: unknown) => log.debug({ err: error }, 'not closed'));
    },
  };
}
