import { Job } from 'bullmq';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { JobData } from '#shared/contract/job.ts';
import { replicaOf } from '#shared/contract/request-id.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { joinLine } from '#shared/store/line.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { scriptsOn } from '#shared/store/scripts/load.ts';
import type { PutBack } from './consumer.ts';
import { openQueue } from '#shared/store/open-queue.ts';

/** The field of a job, beside BullMQ's own, that counts how often a request was begun that runs in turn. */
export const timesBegun = 'ringpost:begun';

/**
 * A request that is in line and has no job any more is passed over after this time, in ms: its job may be
 * under way. So is one whose deadline has passed for as long.
 */
const graceMs = 2000;
/** How often a request asks for its turn that nobody calls, in ms for each one before it, and at most. */
const askEveryMs = 250;
const askAtLeastEveryMs = 5000;

/**
 * Lets the requests of one hash key run one at a time, in the order in which they were accepted, whichever queues they
 * are in. Each stands in the line of its key until its job is gone, or its deadline has passed. A delayed one
 * joins the line when it is due. If it is not a request's turn, its job is put back; a request that leaves
 * calls the next one. If that call is lost, the next one asks by itself.
 */
export class Turns {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;
  readonly #repair: KeyRepair;
  readonly #queues = new Map<string, Queue<JobData>>();

  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
    this.#repair = new KeyRepair(redis, keys, log, 'worker');
  }

  /**
   * @returns how often the request was begun, this time counted; when to ask again where it is not its turn; undefined
   * where the job is gone.
   */
  take(
    replica: string,
    id: string,
    job: JobData,
  ): Promise<{ readonly attempt: number } | PutBack | undefined> {
    return this.#repair.mending(
      () => this.#take(replica, id, job),
      () => [{ key: this.#keys.line(job.order ?? ''), type: 'zset' }],
    );
  }

  async #take(
    replica: string,
    id: string,
    { order = '', deadline }: JobData,
  ): Promise<{ readonly attempt: number } | PutBack | undefined> {
    const line = this.#keys.line(order);
    const run = scriptsOn(this.#redis);
    const clock = clockOf(this.#redis);
    // Past its deadline it is dropped unrun, out of turn.
    while (clock.now() < deadline) {
      // The script's own answer.
      const turn = (await run('take-turn', line, id)) as [number, string, number] | null;
      if (turn === null) {
        // It was delayed, was passed, or Redis has lost its place.
        await joinLine(this.#redis, this.#keys, order, id, deadline);
        continue;
      }
      const [before, first, ageMs] = turn;
      if (before === 0) break;
      // What is no id, or is in line since a time that is yet to come, nobody has put there.
      const fresh = ageMs < graceMs && ageMs > -graceMs && replicaOf(first) !== undefined;
      if (fresh || (await this.#holdsItsPlace(first))) {
        return { notBefore: clock.now() + Math.min(before * askEveryMs, askAtLeastEveryMs) };
      }
      this.#log.info({ request: first }, 'passed over in line: its job is gone, or too late');
      await run('leave-line', line, first);
    }
    const begun = Number(await run('count-begun', this.#keys.job(replica, id), timesBegun));
    return begun === 0 ? undefined : { attempt: begun };
  }

  /** A request's job is gone: calls the next one in line. */
  leave(id: string, { order }: JobData): void {
    if (order === undefined) return;
    this.#callNext(order, id).catch((error: unknown) =>
      this.#log.debug({ request: id, err: error }, 'the next in line asks by itself'),
    );
  }

  /**
   * Lets the others go first while a request waits to be tried again, if it asks for that. It joins the line
   * again when it is due.
   */
  async pass(id: string, { order, orderOnRetry }: JobData): Promise<void> {
    if (order !== undefined && orderOnRetry === 'pass') await this.#callNext(order, id);
  }

  async #callNext(order: string, id: string): Promise<void> {
    const next = await scriptsOn(this.#redis)('leave-line', this.#keys.line(order), id);
    const replica = typeof next === 'string' ? replicaOf(next) : undefined;
    if (typeof next !== 'string' || replica === undefined) return;
    const job = await Job.fromId<JobData>(this.#queue(replica), next);
    // It may be in hand already, or have a delay of its own.
    if (job !== undefined && (job.data.notBefore ?? 0) <= clockOf(this.#redis).now()) await job.promote();
  }

  /** Lets go of the queues that were opened; the connection stays open. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#queues.values(), (queue) => queue.close()));
    this.#queues.clear();
  }

  #queue(replica: string): Queue<JobData> {
    let queue = this.#queues.get(replica);
    if (queue === undefined) {
      queue = openQueue(this.#redis, this.#keys, replica);
      queue.on('error', (error) => this.#log.debug({ err: error, replica }, 'the queue reports an error'));
      this.#queues.set(replica, queue);
    }
    return queue;
  }

  async #holdsItsPlace(id: string): Promise<boolean> {
    const replica = replicaOf(id);
    if (replica === undefined) return false;
    const deadline = await scriptsOn(this.#redis)('job-deadline', this.#keys.job(replica, id));
    return deadline !== null && clockOf(this.#redis).now() < Number(deadline) + graceMs;
  }
}
