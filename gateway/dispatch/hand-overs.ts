import type { Redis } from 'ioredis';
import type { CallbackUrls } from '#shared/store/callbacks.ts';
import { encodeCaller } from '#shared/contract/caller.ts';
import { storedBody } from '#shared/contract/job.ts';
import { Problem } from '#shared/contract/errors.ts';
import { expectedOfRequest } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { noteRequest } from '#shared/store/request-notes.ts';
import type { Noted } from '#shared/store/request-notes.ts';
import type { Callbacks } from '../callbacks/callbacks.ts';
import type { Callers } from '../caller/callers.ts';
import { commandFate } from './command-fate.ts';
import type { JobQueues } from './job-queues.ts';
import type { RedisGap } from './redis-gap.ts';
import type { Waiter } from './waiters.ts';

export interface HandOversOptions {
  /** The fail-fast connection that the queues use. */
  readonly redis: Redis;
  readonly keys: Keys;
  readonly queues: JobQueues;
  readonly gap: RedisGap;
  readonly callbacks: Callbacks;
  readonly callers: Callers;
  /** Time in ms that what is known of a request is kept. */
  readonly keepMs: number;
  readonly log: Logger;
}

/** The body is there until its job is certainly not run any more: this time after the deadline, in ms. */
const graceMs = 60_000;

type HandedOver = Pick<Waiter, 'id' | 'replica' | 'accepted' | 'job' | 'body'>;

/** Requests whose answer is asked for later, if at all: a record and a job, and nobody who waits. */
export class HandOvers {
  readonly #options: HandOversOptions;
  readonly #repair: KeyRepair;

  constructor(options: HandOversOptions) {
    this.#options = options;
    this.#repair = new KeyRepair(options.redis, options.keys, options.log);
  }

  /**
   * @param urls where its end is told.
   * @returns undefined once record and job are durable, or why the request was not taken.
   */
  async handOver(request: HandedOver, urls?: CallbackUrls): Promise<Problem | undefined> {
    const { redis, queues, gap, callbacks } = this.#options;
    const { id, replica, job, body } = request;
    const stored = storedBody(job)
      ? { body, ttlMs: job.deadline - clockOf(redis).now() + graceMs }
      : undefined;
    try {
      // What is accepted is told of, so that comes first; where the rest is refused it is let go.
      if (urls !== undefined) await callbacks.add(id, urls, job.deadline);
      // One connection keeps the order: no job is there before its record.
      const [noted] = await Promise.all([
        this.#note(request, 'queued'),
        queues.add(replica, id, job, stored),
      ]);
      if (noted === 'noted') return undefined;
      this.#letGo(request, urls);
      // No worker begins it: this gateway stood still for too long, and another request has its key by now.
      return new Problem(
        'redis_away',
        'The request was handed over too late, and is not run. Send it again.',
      );
    } catch (error) {
      const fate = commandFate(error);
      const there = fate === 'unknown' && (await gap.over()) && (await this.#isThere(replica, id));
      if (there) return undefined;
      if (urls !== undefined) this.#letGoCallback(id);
      return fate === 'unknown' && job.redelivery === 'never'
        ? new Problem('outcome_unknown', 'Redis went away while the request was handed over.', {
            cause: error,
          })
        : new Problem('redis_away', 'Redis does not take requests now.', { cause: error });
    }
  }

  /** Notes that a request which was waited for has come to its deadline, for whoever asks about it later. */
  noteExpired(request: HandedOver): void {
    const { keepMs, callers, log } = this.#options;
    const { id, job } = request;
    const caller = encodeCaller(callers.ofSent(job));
    this.#note({ ...request, job: { ...job, keepMs, caller } }, 'expired').catch((error: unknown) =>
      log.debug({ request: id, err: error }, 'not noted'),
    );
  }

  /** A job that no worker would begin. */
  #letGo({ id, replica }: HandedOver, urls: CallbackUrls | undefined): void {
    const { queues, log } = this.#options;
    queues
      .takeBack(replica, id)
      .catch((error: unknown) => log.debug({ request: id, err: error }, 'left to its worker'));
    if (urls !== undefined) this.#letGoCallback(id);
  }

  #letGoCallback(id: string): void {
    const { callbacks, log } = this.#options;
    callbacks
      .remove(id)
      .catch((error: unknown) => log.debug({ request: id, err: error }, 'a callback was not let go'));
  }

  async #isThere(replica: string, id: string): Promise<boolean> {
    const missing = await this.#options.queues.missing(replica, [id]).catch(() => [id]);
    return missing.length === 0;
  }

  async #note({ id, replica, accepted, job }: HandedOver, state: 'queued' | 'expired'): Promise<Noted> {
    const { redis, keys } = this.#options;
    const { method, target, deadline } = job;
    const fields = ['method', method, 'target', target, 'accepted', accepted, 'deadline', deadline];
    if (job.callback) fields.push('callback', 'pending');
    return this.#repair.mending(
      () => noteRequest(redis, keys, replica, id, job, state, fields),
      () => expectedOfRequest(keys, replica, id),
    );
  }
}
