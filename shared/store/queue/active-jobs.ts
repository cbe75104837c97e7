import { randomUUID } from 'node:crypto';
import type { Redis } from '../redis/access.ts';
import { parseDelivery } from '../../contract/delivery.ts';
import type { Fenced } from '../../contract/fenced.ts';
import { isInLine } from '../../contract/job-lines.ts';
import type { Keys } from '../keys/keys.ts';
import type { QueuedJob } from './queue-jobs.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { claimActive } from '../scripts/claim-active.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';
import { startCountField } from '../scripts/lines.ts';

/**
 * The active jobs of a replica's queue: a worker took them, or they were delivered to it. The caller holds
 * the replica's lease.
 */
export class ActiveJobs {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #replica: string;
  readonly #run: Run;

  constructor(connection: Connection, replica: string) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#replica = replica;
    this.#run = createRun(connection);
  }

  /** @returns their ids, the most recently taken first. */
  ids(): Promise<string[]> {
    return this.#redis.lrange(this.#keys.unfinished(this.#replica).active, 0, -1);
  }

  count(): Promise<number> {
    return this.#redis.llen(this.#keys.unfinished(this.#replica).active);
  }

  /** Removes the id of a job that no longer exists from the list. */
  async discard(id: string): Promise<void> {
    await this.#redis.lrem(this.#keys.unfinished(this.#replica).active, 0, id);
  }

  /** @returns the ids of the jobs that were delivered to the consumer of a lease, but not read by it yet. */
  async unread({ replica, fence }: Fenced): Promise<ReadonlySet<string>> {
    const deliveries = await this.#redis.lrange(this.#keys.deliveries(replica, fence), 0, -1);
    const ids = new Set<string>();
    for (const text of deliveries) {
      const delivery = parseDelivery(text);
      if (delivery !== 'end') ids.add(delivery.id);
    }
    return ids;
  }

  /** @returns the token of the lock on a job; null if it has none. */
  lockOf(id: string): Promise<string | null> {
    return this.#redis.get(this.#keys.jobLock(this.#replica, id));
  }

  /**
   * Claims a job that no worker runs, to put it back.
   * @param lease of the caller.
   * @param lock that the job had when the caller decided.
   * @param unbegun whether the job was certainly not begun, so that its starts are counted anew.
   * @returns the token of the lock that the job has now. Nothing is done if the job is `taken` or gone, or
   * another worker has the lease.
   */
  async claim(
    id: string,
    lease: Fenced,
    lock: string | null,
    unbegun: boolean,
  ): Promise<{ readonly token: string } | 'taken' | 'superseded'> {
    const token = randomUUID();
    const claimed = await this.#run(claimActive, { lease, id, lock: lock ?? '', token, unbegun });
    return claimed === 'claimed' ? { token } : claimed;
  }

  /**
   * @returns how often a job was started. A job that runs in turn may be taken several times before it
   * starts, so it has a count of its own.
   */
  async startCount(id: string, job: QueuedJob): Promise<number> {
    if (!isInLine(job.data)) return job.timesTaken;
    return Number(await this.#redis.hget(this.#keys.job(this.#replica, id), startCountField));
  }
}
