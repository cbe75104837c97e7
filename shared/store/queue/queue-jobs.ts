import type { Job, Queue } from 'bullmq';
import type { Redis } from '../redis/access.ts';
import { isJob } from '../../contract/job.ts';
import type { JobData } from '../../contract/job.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import { inRedisTime } from '../redis/bullmq-time.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { mayBeGarbled } from '../repair/key-repair.ts';

/**
 * BullMQ accepts this token for every lock. It is for jobs whose holder is certainly dead, or is the caller.
 */
const anyToken = '0';
/** BullMQ's `ErrorCode.JobNotExist`. The module is not loaded for it. */
const missingJob = -1;

/**
 * One job of a replica's queue. Each method is one of BullMQ's own moves and rejects if the job's lock has
 * another token. Without a token the lock is not checked.
 */
export class QueuedJob {
  readonly #job: Job<JobData>;
  readonly #clock: RedisClock;

  /** @param clock gives Redis time. */
  constructor(job: Job<JobData>, clock: RedisClock) {
    this.#job = job;
    this.#clock = clock;
  }

  get data(): JobData {
    return this.#job.data;
  }

  /** How often a worker took the job. */
  get timesTaken(): number {
    return this.#job.attemptsStarted;
  }

  /** Puts an active job at the head of the queue. */
  async requeue(token = anyToken): Promise<void> {
    await this.#job.moveToWait(token);
  }

  /** Puts an active job back, to be taken again at a time in ms since the epoch, in Redis time. */
  async delayUntil(notBefore: number, token = anyToken): Promise<void> {
    await this.#job.moveToDelayed(this.#clock.toOwn(notBefore), token);
  }

  /** Finishes an active job. */
  async complete(token = anyToken): Promise<void> {
    await this.#job.moveToCompleted(null, token, false);
  }

  /** Finishes an active job as BullMQ's own worker does if its processing has thrown. */
  async fail(reason: Error, token = anyToken): Promise<void> {
    await this.#job.moveToFailed(reason, token, false);
  }

  /** Makes a delayed job wait for a worker now. */
  promote(): Promise<void> {
    return this.#job.promote();
  }
}

/**
 * A worker's access to single jobs of a replica's queue. The queue is opened on first use; it adds no jobs.
 */
export class QueueJobs {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #replica: string;
  readonly #log: Logger;
  #opened: Promise<Queue<JobData>> | undefined;

  constructor(connection: Connection, replica: string, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#replica = replica;
    this.#log = log;
  }

  /**
   * @returns the job, or undefined if it is gone. Its data is not checked.
   * @throws {SyntaxError} if its data is not JSON.
   */
  async find(id: string): Promise<QueuedJob | undefined> {
    this.#opened ??= this.#open();
    const job: Job<JobData> | undefined = await (await this.#opened).getJob(id);
    return job === undefined ? undefined : new QueuedJob(job, this.#clock);
  }

  /** @returns the job; undefined if it is gone, `garbled` if it cannot be read. */
  async read(id: string): Promise<QueuedJob | 'garbled' | undefined> {
    try {
      const job = await this.find(id);
      return job === undefined || isJob(job.data) ? job : 'garbled';
    } catch (error) {
      if (error instanceof SyntaxError || mayBeGarbled(error)) return 'garbled';
      throw error;
    }
  }

  /**
   * Puts an active job back without reading it, to be taken again at a time in ms since the epoch, in Redis
   * time. Does nothing if it is gone.
   * @param token of its lock.
   */
  async delayUntil(id: string, notBefore: number, token: string): Promise<void> {
    this.#opened ??= this.#open();
    const backend = (await this.#opened).getBackend();
    const now = this.#clock.now();
    const delay = Math.max(0, notBefore - now);
    try {
      await backend.moveToDelayed(id, now, delay, token, { skipAttempt: true });
    } catch (error) {
      if (!isMissingJob(error)) throw error;
    }
  }

  /** Renews the lock of a job that this worker holds, for a time in ms. */
  async renewLock(id: string, lockMs: number): Promise<void> {
    await this.#redis.pexpire(this.#keys.jobLock(this.#replica, id), lockMs);
  }

  /** Closes the queue if it was opened. The connection stays open. */
  async close(): Promise<void> {
    await (await this.#opened)?.close();
    this.#opened = undefined;
  }

  async #open(): Promise<Queue<JobData>> {
    // BullMQ is a fifth of what a worker would load, and most workers never move a single job.
    const { Queue } = await import('bullmq');
    const queue = new Queue<JobData>(this.#keys.queue(this.#replica), {
      connection: this.#redis,
      prefix: this.#keys.prefix,
      skipMetasUpdate: true,
      skipVersionCheck: true,
    });
    queue.on('error', (error) =>
      this.#log.debug({ err: error, replica: this.#replica }, 'the queue reports an error'),
    );
    return inRedisTime(queue, this.#clock);
  }
}

/** @param error of one of BullMQ's moves. */
function isMissingJob(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === missingJob;
}
