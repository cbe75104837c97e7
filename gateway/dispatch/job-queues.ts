import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { jobName } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import type { Keys } from '#shared/keys.ts';
import type { Logger } from '#shared/logger.ts';

/** Nobody reads BullMQ's event stream here; without a bound each queue keeps 10,000 entries of it. */
const eventsKept = 100;

/** The gateway's side of the replicas' queues: jobs go in, and unstarted ones can be taken back. */
export class JobQueues {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;
  readonly #queues = new Map<string, Queue<JobData>>();

  /** @param redis a fail-fast connection that others may share. */
  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
  }

  /**
   * Adds a job; adds made in one turn of the event loop travel together.
   * @param stored the body, where it travels in a key of its own, and the time in ms that it is kept.
   * @returns once the job is durable; rejects when Redis is away or refuses it.
   */
  async add(
    replica: string,
    id: string,
    job: JobData,
    stored?: { readonly body: Uint8Array; readonly ttlMs: number },
  ): Promise<void> {
    const storing =
      stored === undefined
        ? undefined
        : this.#redis.set(
            this.#keys.requestBody(replica, id),
            Buffer.from(stored.body.buffer, stored.body.byteOffset, stored.body.byteLength),
            'PX',
            stored.ttlMs,
          );
    const adding = this.#queue(replica).add(jobName, job, {
      jobId: id,
      removeOnComplete: true,
      removeOnFail: true,
    });
    // One connection keeps the order: where the body was refused, so is the job behind it, or the body is missed.
    await Promise.all([storing, adding]);
  }

  /** @returns whether Redis knows the job: it waits, or it is being run. */
  async has(replica: string, id: string): Promise<boolean> {
    return (await this.#redis.exists(this.#keys.job(replica, id))) === 1;
  }

  /** Takes a job back if it is not started yet. */
  async takeBack(replica: string, id: string): Promise<void> {
    const removed = await this.#queue(replica).remove(id);
    if (removed === 1) await this.#redis.unlink(this.#keys.requestBody(replica, id));
  }

  /** Lets go of the queues of all other replicas. */
  async keepOnly(replicas: ReadonlySet<string>): Promise<void> {
    const closing: Promise<void>[] = [];
    for (const [replica, queue] of this.#queues) {
      if (replicas.has(replica)) continue;
      this.#queues.delete(replica);
      closing.push(queue.close());
    }
    await Promise.all(closing);
  }

  /** Lets go of all queues; the connection stays open. */
  close(): Promise<void> {
    return this.keepOnly(new Set());
  }

  #queue(replica: string): Queue<JobData> {
    let queue = this.#queues.get(replica);
    if (queue === undefined) {
      queue = new Queue<JobData>(this.#keys.queue(replica), {
        connection: this.#redis,
        prefix: this.#keys.prefix,
        skipVersionCheck: true,
        skipWaitingForReady: true,
        streams: { events: { maxLen: eventsKept } },
      });
      queue.on('error', (error) => this.#log.debug({ err: error, replica }, 'the queue reports an error'));
      this.#queues.set(replica, queue);
    }
    return queue;
  }
}
