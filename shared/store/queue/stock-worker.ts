import { DelayedError, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import type { Redis } from '../redis/access.ts';
import type { JobData } from '../../contract/job.ts';
import { startStop } from '../../process/lifecycle.ts';
import type { StartStop } from '../../process/lifecycle.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import { inRedisTime } from '../redis/bullmq-time.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { expectedOfJobs } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';

export interface StockWorkerOptions {
  /** A patient connection. BullMQ opens a second one for its blocking reads, and leaves this one open. */
  readonly connection: Connection;
  readonly replica: string;
  /** How many jobs run at once. */
  readonly concurrency: number;
  /**
   * Runs a job. Its data is JSON that was not checked. Data that is not JSON does not come here: that job
   * stays active.
   * @param timesTaken 1 for the first time.
   * @returns undefined to finish the job, or the Redis time before which it must not be taken again; `left`
   * if the job is no longer active: its answer is a stream, whose end finishes it.
   */
  readonly process: (id: string, data: unknown, timesTaken: number) => Promise<number | 'left' | undefined>;
  /** Called after a job is gone from the queue, but for those that have left. */
  readonly onFinished: (id: string, job: JobData) => void;
  readonly log: Logger;
}

/**
 * BullMQ's own `Worker` on a replica's queue. Its stalled check is off, because it would run every job of a
 * dead worker again, repeatable or not.
 */
export class StockWorker {
  readonly #options: StockWorkerOptions;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #repair: KeyRepair;
  readonly #life: StartStop;
  #worker: Worker<JobData> | undefined;
  #running: Promise<void> | undefined;
  #paused = false;
  #abandoned = false;

  constructor(options: StockWorkerOptions) {
    this.#options = options;
    const { connection, log } = options;
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#repair = new KeyRepair(connection, log, 'worker');
    this.#life = startStop(
      () => this.#start(),
      async () => {
        await this.#worker?.close();
        await this.#running;
      },
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  /** Takes no more jobs; resolves once those that it holds are finished. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** Takes no more jobs; those that it holds go on. */
  pause(): void {
    this.#paused = true;
    this.#worker
      ?.pause(true)
      .catch((error: unknown) => this.#options.log.debug({ err: error }, 'not paused'));
  }

  resume(): void {
    this.#paused = false;
    this.#worker?.resume().catch((error: unknown) => this.#options.log.debug({ err: error }, 'not resumed'));
  }

  /** Takes no more jobs, and finishes none. If it has not started, it never does. */
  abandon(): void {
    this.#abandoned = true;
    this.#worker
      ?.close(true)
      .catch((error: unknown) => this.#options.log.debug({ err: error }, 'not closed'));
  }

  async #start(): Promise<void> {
    if (this.#abandoned) return;
    const { replica, concurrency, onFinished, log } = this.#options;
    const worker = new Worker<JobData>(this.#keys.queue(replica), (job, token) => this.#process(job, token), {
      connection: this.#redis,
      prefix: this.#keys.prefix,
      concurrency,
      autorun: false,
      skipStalledCheck: true,
      skipVersionCheck: true,
      runRetryDelay: 250,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    this.#worker = worker;
    inRedisTime(worker, this.#clock);
    takesNothingWhenClosing(worker);
    worker.on('completed', (job) => onFinished(job.id ?? '', job.data));
    worker.on('error', (error) => {
      log.warn({ err: error }, 'the queue reports an error');
      void this.#repair.after(error, () => expectedOfJobs(this.#keys, replica));
    });
    worker.on('failed', (job, error) => log.error({ request: job?.id, err: error }, 'a job failed'));
    await worker.waitUntilReady();
    if (this.#paused) await worker.pause(true);
    if (worker.closing !== undefined) return;
    this.#running = worker.run();
  }

  async #process(job: Job<JobData>, token?: string): Promise<void> {
    const next = await this.#options.process(job.id ?? '', job.data, job.attemptsStarted);
    if (next === undefined) return;
    // BullMQ leaves such a job alone, and its slot is free.
    if (next === 'left') throw new DelayedError();
    try {
      await job.moveToDelayed(this.#clock.toOwn(next), token);
    } catch (error) {
      // It stays active without being run, and the sweep finds it. If it failed here, it would be lost.
      this.#options.log.warn({ request: job.id, err: error }, 'a job could not be put back');
    }
    throw new DelayedError();
  }
}

/**
 * BullMQ checks whether its worker is closing before it waits for a marker, but not after that. So a marker
 * that arrives as the worker is closed would make it take one more job.
 */
function takesNothingWhenClosing(worker: Worker<JobData>): void {
  const backend = worker.getBackend();
  const take = backend.moveToActive.bind(backend);
  backend.moveToActive = (token, name) =>
    worker.closing === undefined ? take(token, name) : Promise.resolve([]);
}
