import { callerField } from '#shared/contract/caller.ts';
import type { Fenced } from '#shared/contract/fenced.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import type { Logger } from '#shared/process/logger.ts';
import { readLivingRecord } from '#shared/store/records/ended-requests.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { ReplyOutbox } from '../reply/reply-outbox.ts';

export interface GarbledJobsOptions {
  readonly connection: Connection;
  readonly lease: Fenced;
  readonly outbox: ReplyOutbox;
  readonly log: Logger;
}

/** The answer of a request whose job is garbled is kept for this time at least, in ms. */
const minKeepMs = 60_000;

/**
 * Ends jobs that cannot be read: moves the job aside, and ends its request. A client that waits gets 502
 * `outcome_unknown` from its gateway, which hears of the move. A record says the same, with a dead letter
 * in addition.
 */
export class GarbledJobs {
  readonly #options: GarbledJobsOptions;
  readonly #repair: KeyRepair;

  constructor(options: GarbledJobsOptions) {
    this.#options = options;
    this.#repair = new KeyRepair(options.connection, options.log, 'worker');
  }

  /** Never rejects: the next sweep finds a job that is still there. */
  async end(id: string): Promise<void> {
    const { lease, outbox, log } = this.#options;
    const { replica, fence } = lease;
    try {
      const job = await this.#substitute(id);
      if (job !== undefined) {
        const detail = `The request's job in the queue of replica ${replica} could no longer be read.`;
        await outbox.push(id, job, problemReply('outcome_unknown', detail));
      }
      await this.#repair.aside.job(replica, id, fence);
    } catch (error) {
      log.warn({ request: id, err: error }, 'a garbled job could not be ended yet');
    }
  }

  /** @returns a job made of what the request's record says; undefined if it has no record, or has ended. */
  async #substitute(id: string): Promise<JobData | undefined> {
    const { connection, lease } = this.#options;
    const found = await readLivingRecord(connection, lease.replica, id);
    if (found === undefined || finalStates.has(found.record.state)) return undefined;
    const { method, target, deadline, callback } = found.record;
    const now = clockOf(connection).now();
    // `recordTtlMs` is twice the time that the answer is kept.
    const keepMs = Math.max(minKeepMs, (found.ttlMs - Math.max(0, deadline - now)) / 2);
    return {
      method,
      target,
      headers: [],
      // The body is no longer known. This says that there was one, so that the request is not redriven
      // without it.
      body: { stored: 0 },
      gateway: '',
      keepMs: Math.round(keepMs),
      deadline,
      redelivery: 'never',
      ...(callback === undefined ? {} : { callback: true }),
      ...callerField(found.record),
    };
  }
}
