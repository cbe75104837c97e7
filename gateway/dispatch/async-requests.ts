import type { CallbackUrls } from '#shared/contract/callback.ts';
import { encodeCaller } from '#shared/contract/caller.ts';
import { storedBody } from '#shared/contract/job.ts';
import { Problem } from '#shared/contract/errors.ts';
import { isRepeatable } from '#shared/contract/redelivery.ts';
import { replicaOf } from '#shared/contract/request-id.ts';
import type { Logger } from '#shared/process/logger.ts';
import { AcceptedRequests } from '#shared/store/records/accepted-requests.ts';
import type { AcceptedRequest } from '#shared/store/records/accepted-requests.ts';
import { RequestRecords } from '#shared/store/records/request-records.ts';
import type { JobQueues } from '#shared/store/queue/job-queues.ts';
import { commandFate } from '#shared/store/redis/command-fate.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisOutage } from '#shared/store/redis/redis-outage.ts';
import { findAccepted } from './find-accepted.ts';
import type { Callbacks } from '../callbacks/callbacks.ts';
import type { Callers } from '../caller/callers.ts';

export interface AsyncRequestsOptions {
  /** The fail-fast connection that the queues use. */
  readonly connection: Connection;
  readonly queues: Pick<JobQueues, 'add' | 'missing' | 'withdraw'>;
  readonly outage: Pick<RedisOutage, 'waitUntilOver'>;
  readonly callbacks: Pick<Callbacks, 'add' | 'remove'>;
  readonly callers: Pick<Callers, 'ofSent'>;
  /** @returns how many replicas there are. */
  readonly replicaCount: () => number;
  /** How long the record of a request is kept, in ms. */
  readonly keepMs: number;
  readonly log: Logger;
}

/** A body in its own key outlives its job's deadline by this time, in ms: the job is gone by then. */
const bodyGraceMs = 60_000;

interface AsyncRequest extends AcceptedRequest {
  readonly body: Uint8Array;
}

/** Accepts async requests: each has a record and a job, and no client that waits. */
export class AsyncRequests {
  readonly #options: AsyncRequestsOptions;
  readonly #records: AcceptedRequests;
  readonly #known: RequestRecords;
  readonly #now: () => number;

  constructor(options: AsyncRequestsOptions) {
    const { connection, replicaCount, log } = options;
    const clock = clockOf(connection);
    this.#options = options;
    this.#records = new AcceptedRequests(connection, replicaCount, log);
    this.#known = new RequestRecords(connection, log);
    this.#now = () => clock.now();
  }

  /**
   * @param urls the URLs that get a message when the request has ended.
   * @returns undefined once record and job are durable, or why the request was not accepted.
   */
  async accept(request: AsyncRequest, urls?: CallbackUrls): Promise<Problem | undefined> {
    const { queues, outage, callbacks } = this.#options;
    const { id, replica, job, body } = request;
    const stored = storedBody(job) ? { body, ttlMs: job.deadline - this.#now() + bodyGraceMs } : undefined;
    try {
      // The callback is added first, so that no accepted request lacks it.
      if (urls !== undefined) await callbacks.add(id, urls, job.deadline);
      // Both use one connection, so the record is there before the job.
      const [noted] = await Promise.all([
        this.#records.note(request, 'queued'),
        queues.add(replica, id, job, stored),
      ]);
      if (noted === 'noted') return undefined;
      this.#removeJob(request, urls);
      // This gateway was frozen for too long: the record has ended, another request may have the key, and no
      // worker starts the job.
      return new Problem('redis_away', 'The request was accepted too late, and does not run. Send it again.');
    } catch (error) {
      const fate = commandFate(error);
      const isThere = fate === 'unknown' && (await outage.waitUntilOver()) && (await this.#isAccepted(id));
      if (isThere) return undefined;
      if (urls !== undefined) this.#removeCallback(id);
      return fate === 'unknown' && !isRepeatable(job)
        ? new Problem('outcome_unknown', 'Redis went away while the request was being accepted.', {
            cause: error,
          })
        : new Problem('redis_away', 'Redis does not take requests now.', { cause: error });
    }
  }

  /**
   * Creates a record of a request whose client waited until the deadline: the client may ask later. It is
   * one of the replica that the id names, also if the request was dispatched again or moved elsewhere: there
   * it is looked for.
   */
  noteExpired({ id, replica, spilledFrom, key, accepted, job }: AcceptedRequest): void {
    const { keepMs, callers, log } = this.#options;
    const caller = encodeCaller(callers.ofSent(job));
    const named = replicaOf(id) ?? replica;
    this.#records
      .note(
        { id, replica: named, queue: replica, spilledFrom, key, accepted, job: { ...job, keepMs, caller } },
        'expired',
      )
      .catch((error: unknown) => log.debug({ request: id, err: error }, 'an expired request was not noted'));
  }

  /** Removes a job that no worker would start. */
  #removeJob({ id, replica, job }: AsyncRequest, urls: CallbackUrls | undefined): void {
    const { queues, log } = this.#options;
    queues
      .withdraw(replica, id, job)
      .catch((error: unknown) => log.debug({ request: id, err: error }, 'a job is left to its worker'));
    if (urls !== undefined) this.#removeCallback(id);
  }

  #removeCallback(id: string): void {
    const { callbacks, log } = this.#options;
    callbacks
      .remove(id)
      .catch((error: unknown) => log.debug({ request: id, err: error }, 'a callback was not removed'));
  }

  /** Also if its job was moved or is gone, since it has run in the meantime. */
  async #isAccepted(id: string): Promise<boolean> {
    const sources = { records: this.#known, queues: this.#options.queues };
    const found = await findAccepted(sources, id).catch(() => undefined);
    if (found === undefined) return false;
    // One that ended unstarted lost its idempotency key to another request.
    return found.record.started !== undefined || found.record.finished === undefined;
  }
}
