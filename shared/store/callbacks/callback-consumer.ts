import { DelayedError, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import { startStop } from '../../process/lifecycle.ts';
import type { StartStop } from '../../process/lifecycle.ts';
import type { Logger } from '../../process/logger.ts';
import type { CallbackData } from '../../contract/callback.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { inRedisTime } from '../redis/bullmq-time.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';

/**
 * The lock of a job in ms. If a gateway dies, another one finds its callbacks within twice this time, however
 * often that happens.
 */
const lockMs = 5000;
const maxStalls = 1000;

/** A callback job that this gateway has taken. */
export class TakenCallback {
  readonly id: string;
  /** As it was read; others can write to Redis too. */
  readonly data: unknown;
  readonly #job: Job<CallbackData>;
  readonly #token: string | undefined;
  readonly #clock: RedisClock;

  constructor(job: Job<CallbackData>, token: string | undefined, clock: RedisClock) {
    this.id = job.id ?? '';
    this.data = job.data;
    this.#job = job;
    this.#token = token;
    this.#clock = clock;
  }

  /** Overwrites the data of the job. */
  async update(data: CallbackData): Promise<void> {
    await this.#job.updateData(data);
  }

  /**
   * Moves the job to the delayed set until `due` (ms since the epoch). If that fails, the job stays active.
   */
  async delay(due: number): Promise<void> {
    await this.#job.moveToDelayed(this.#clock.toOwn(due), this.#token);
  }
}

export interface CallbackConsumerOptions {
  /** A patient connection. BullMQ opens a second one for its blocking reads, and leaves this one open. */
  readonly connection: Connection;
  /** How many jobs this gateway has at once. */
  readonly concurrency: number;
  /**
   * Handles a job. `delayed`: the job is in the delayed set again, or stays active until its lock expires.
   */
  readonly handle: (callback: TakenCallback) => Promise<'finished' | 'delayed'>;
  /** Called after an error of the queue; the error does not name a job. */
  readonly onError: (error: Error) => void;
  readonly log: Logger;
}

/** Takes callbacks that are due from their queue. A job for which `handle` rejects is given up. */
export class CallbackConsumer {
  readonly #options: CallbackConsumerOptions;
  readonly #clock: RedisClock;
  readonly #life: StartStop;
  #worker: Worker<CallbackData> | undefined;
  #running: Promise<void> | undefined;

  constructor(options: CallbackConsumerOptions) {
    this.#options = options;
    this.#clock = clockOf(options.connection);
    this.#life = startStop(
      () => this.#start(),
      () => this.#stop(),
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  /** Takes no more jobs, and resolves once those that were taken are handled. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #start(): Promise<void> {
    const { connection, concurrency, onError, log } = this.#options;
    const keys = keysOf(connection);
    const worker = new Worker<CallbackData>(keys.callbacks, (job, token) => this.#process(job, token), {
      connection: redisOf(connection),
      prefix: keys.prefix,
      concurrency,
      autorun: false,
      skipVersionCheck: true,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      maxStalledCount: maxStalls,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    this.#worker = worker;
    inRedisTime(worker, this.#clock);
    worker.on('error', onError);
    worker.on('failed', (job, error) => log.error({ request: job?.id, err: error }, 'a callback failed'));
    await worker.waitUntilReady();
    this.#running = worker.run();
  }

  async #stop(): Promise<void> {
    await this.#worker?.close();
    await this.#running;
  }

  async #process(job: Job<CallbackData>, token: string | undefined): Promise<void> {
    const outcome = await this.#options.handle(new TakenCallback(job, token, this.#clock));
    if (outcome === 'delayed') throw new DelayedError();
  }
}
