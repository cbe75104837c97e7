import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { asBuffer } from '#shared/contract/body.ts';
import { jobName } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { expectedOfJobs } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { joinLine } from '#shared/store/line.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { scriptsOn } from '#shared/store/scripts/load.ts';
import { commandFate, UnsentError } from './command-fate.ts';
import { HalfAdded } from './half-added.ts';
import { createJobBatches, jobOptions } from './job-batches.ts';
import type { AddNow } from './job-batches.ts';

/** Nobody reads BullMQ's event stream here; without a bound each queue keeps 10,000 entries of it. */
const eventsKept = 100;

/** The gateway's side of the replicas' queues: jobs go in, and unstarted ones can be taken back. */
export class JobQueues {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;
  /** Undefined where BullMQ's own queue has to add them. */
  readonly #addNow: AddNow | undefined;
  readonly #halfAdded: HalfAdded;
  readonly #repair: KeyRepair;
  readonly #queues = new Map<string, Queue<JobData>>();

  /** @param redis a fail-fast connection that others may share. */
  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
    this.#repair = new KeyRepair(redis, keys, log);
    this.#halfAdded = new HalfAdded(redis, keys, log);
    this.#addNow = createJobBatches(redis, keys, this.#halfAdded, log);
  }

  /**
   * Adds a job; adds to a replica that come up together travel together. A body that travels in a key of its own is
   * there before its job: none is run without its body, and a body whose job is refused is deleted again.
   * @param stored the body, where it travels in a key of its own, and the time in ms that it is kept.
   * @param wanted asked before the job follows a stored body.
   * @returns once the job is durable, or not wanted any more; rejects when Redis is away or refuses it.
   */
  add(
    replica: string,
    id: string,
    job: JobData,
    stored?: { readonly body: Uint8Array; readonly ttlMs: number },
    wanted: () => boolean = () => true,
  ): Promise<void> {
    return stored === undefined
      ? this.#addJob(replica, id, job)
      : this.#addStored(replica, id, job, stored, wanted);
  }

  async #addStored(
    replica: string,
    id: string,
    job: JobData,
    stored: { readonly body: Uint8Array; readonly ttlMs: number },
    wanted: () => boolean,
  ): Promise<void> {
    await this.#storeBody(replica, id, stored);
    try {
      if (wanted()) await this.#addJob(replica, id, job);
      else await this.#forgetBody(replica, id);
    } catch (error) {
      // Where the job may be there, so must its body.
      if (commandFate(error) !== 'unknown') await this.#forgetBody(replica, id);
      throw error;
    }
  }

  /** @returns those of these jobs of a replica that Redis does not know: they neither wait nor are they run. */
  async missing(replica: string, ids: readonly string[]): Promise<readonly string[]> {
    const keys = ids.map((id) => this.#keys.job(replica, id));
    if ((await this.#redis.exists(...keys)) === keys.length) return [];
    const there = await Promise.all(keys.map((key) => this.#redis.exists(key)));
    return ids.filter((_, at) => there[at] === 0);
  }

  /**
   * Takes a job back if it is not started yet. One step in Redis: BullMQ's own `remove` says the same of a job that was
   * taken back and of one that is not there, for instance because it was finished a moment ago.
   * @returns whether it waited, and does not any more: then it was certainly not run.
   */
  takeBack(replica: string, id: string): Promise<boolean> {
    return this.#repair.mending(
      () => this.#takeBack(replica, id),
      () => expectedOfJobs(this.#keys, replica),
    );
  }

  async #takeBack(replica: string, id: string): Promise<boolean> {
    const keys = this.#keys;
    const { wait, prioritized, delayed, active } = keys.unfinished(replica);
    const own = [keys.job(replica, id), keys.requestBody(replica, id), active, keys.jobLock(replica, id)];
    const serving = [keys.consumer(replica), keys.suspects(replica), keys.lease(replica)];
    const touched = [wait, prioritized, delayed, ...own, ...serving];
    const prefix = `${keys.replica(replica)}:`;
    return (await scriptsOn(this.#redis)('take-back', ...touched, id, prefix)) === 1;
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

  #addJob(replica: string, id: string, job: JobData): Promise<void> {
    const { order, priority, notBefore } = job;
    const now = order === undefined && priority === undefined && notBefore === undefined;
    // The queue writes the bounds of its stream of events when it is opened.
    const queue = this.#queue(replica);
    return now && this.#addNow !== undefined
      ? this.#addNow(replica, id, job)
      : this.#addInItsTurn(queue, replica, id, job);
  }

  async #addInItsTurn(queue: Queue<JobData>, replica: string, id: string, job: JobData): Promise<void> {
    const { order, priority, notBefore } = job;
    const timestamp = clockOf(this.#redis).now();
    const delay = notBefore === undefined ? 0 : Math.max(0, notBefore - timestamp);
    const when = {
      timestamp,
      ...(delay === 0 ? {} : { delay }),
      ...(priority === undefined ? {} : { priority }),
    };
    const safe = job.redelivery === 'safe';
    await this.#halfAdded.adding(replica, [{ id, safe }], async () => {
      // One connection keeps the order: no job is taken that has no place in line. A delayed one joins when it
      // is due.
      const joins = order !== undefined && delay === 0;
      const joined = joins ? this.#joinLine(order, id, job.deadline) : undefined;
      const added = queue.add(jobName, job, { jobId: id, ...jobOptions, ...when });
      await (joined === undefined ? added : Promise.all([joined, added]));
    });
  }

  #joinLine(order: string, id: string, deadline: number): Promise<void> {
    return this.#repair.mending(
      () => joinLine(this.#redis, this.#keys, order, id, deadline),
      () => [{ key: this.#keys.line(order), type: 'zset' }],
    );
  }

  async #storeBody(
    replica: string,
    id: string,
    { body, ttlMs }: { readonly body: Uint8Array; readonly ttlMs: number },
  ): Promise<void> {
    try {
      await this.#redis.set(this.#keys.requestBody(replica, id), asBuffer(body), 'PX', ttlMs);
    } catch (error) {
      throw commandFate(error) === 'unknown'
        ? new UnsentError('the body may not be there', { cause: error })
        : error;
    }
  }

  async #forgetBody(replica: string, id: string): Promise<void> {
    try {
      await this.#redis.unlink(this.#keys.requestBody(replica, id));
    } catch (error) {
      this.#log.debug({ request: id, err: error }, 'a body expires by itself');
    }
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
