import { Job } from 'bullmq';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { Aside } from '#shared/store/repair/aside.ts';
import { callerField } from '#shared/contract/caller.ts';
import { isJob } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { finalStates, readRecord } from '#shared/contract/request-record.ts';
import { mayBeGarbled, orNull } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { ReplyOutbox } from '../reply/reply-outbox.ts';
import type { Fenced } from '../reply/reply-pushes.ts';

export interface GarbledJobsOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly lease: Fenced;
  readonly outbox: ReplyOutbox;
  readonly log: Logger;
}

/** The answer of such a request is kept for this time at least, in ms. */
const leastKeptMs = 60_000;

/**
 * Ends jobs that cannot be read. Such a job is moved aside. Its request has come to its end with that: a client that waits
 * gets 502 `outcome_unknown` from its gateway, which hears of it; a record says so, with a dead letter beside it.
 */
export class GarbledJobs {
  readonly #options: GarbledJobsOptions;
  readonly #aside: Aside;

  constructor(options: GarbledJobsOptions) {
    this.#options = options;
    this.#aside = new Aside(options.redis, options.keys, options.log);
  }

  /** Never rejects: a job that is still there is found by the next sweep. */
  async end(id: string): Promise<void> {
    const { lease, outbox, log } = this.#options;
    const { replica, fence } = lease;
    try {
      const job = await this.#standIn(id);
      if (job !== undefined) {
        const detail = `The request's job in the queue of replica ${replica} could not be read any more.`;
        await outbox.push(id, job, problemReply('outcome_unknown', detail));
      }
      await this.#aside.job(replica, id, fence);
    } catch (error) {
      log.warn({ request: id, err: error }, 'a garbled job could not be ended yet');
    }
  }

  /** @returns what is known of a request by its record, in the form of its job; undefined where it has none. */
  async #standIn(id: string): Promise<JobData | undefined> {
    const { redis, keys, lease } = this.#options;
    const key = keys.request(lease.replica, id);
    const [hash, ttlMs] = await Promise.all([orNull(redis.hgetall(key)), redis.pttl(key)]);
    const now = clockOf(redis).now();
    const record = readRecord(hash ?? {}, now);
    if (record === undefined || finalStates.has(record.state)) return undefined;
    const { method, target, deadline, callback } = record;
    // As `recordTtlMs` has it: twice the time that the answer is kept.
    const keepMs = Math.max(leastKeptMs, (ttlMs - Math.max(0, deadline - now)) / 2);
    return {
      method,
      target,
      headers: [],
      // It is not known any more, so that nobody redrives the request without it.
      body: { stored: 0 },
      gateway: '',
      keepMs: Math.round(keepMs),
      deadline,
      redelivery: 'never',
      ...(callback === undefined ? {} : { callback: true }),
      ...callerField(record),
    };
  }
}

/** @returns a job that is in BullMQ's hands; undefined where it is gone, `garbled` where it cannot be read. */
export async function readJob(
  queue: Queue<JobData>,
  id: string,
): Promise<Job<JobData> | 'garbled' | undefined> {
  try {
    const job = await Job.fromId<JobData>(queue, id);
    return job === undefined || isJob(job.data) ? job : 'garbled';
  } catch (error) {
    if (error instanceof SyntaxError || mayBeGarbled(error)) return 'garbled';
    throw error;
  }
}
