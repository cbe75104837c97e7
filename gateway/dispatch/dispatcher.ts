import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';
import { encodeJob, storedBody } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { redeliveryOf } from '#shared/contract/redelivery.ts';
import type { Redelivery } from '#shared/contract/redelivery.ts';
import type { Reply } from '#shared/contract/reply.ts';
import { Problem } from '#shared/errors.ts';
import type { Keys } from '#shared/keys.ts';
import type { Logger } from '#shared/logger.ts';
import type { RingWatcher } from '../ring-watcher.ts';
import type { Capacity } from './capacity.ts';
import { randomKey, selectHashKey } from './hash-key.ts';
import type { HashKeySource } from './hash-key.ts';
import type { JobQueues } from './job-queues.ts';
import type { Waiter, Waiters } from './waiters.ts';

export interface DispatcherOptions {
  readonly gateway: string;
  readonly watcher: RingWatcher;
  readonly queues: JobQueues;
  readonly waiters: Waiters;
  readonly capacity: Capacity;
  /** A fail-fast connection, for bodies that are kept apart. */
  readonly redis: Redis;
  readonly keys: Keys;
  readonly hashKey: readonly HashKeySource[];
  readonly replyTimeoutMs: number;
  readonly log: Logger;
}

/** How a dispatch ends: the replica's answer, or a problem of the gateway's own. */
export interface Outcome {
  readonly id: string;
  /** The replica that was selected; undefined where none was. */
  readonly replica: string | undefined;
  readonly result: HttpReply | Problem;
}

/** Bodies kept apart outlive the wait for the answer by this time, in ms, in case that clocks differ. */
const storedGraceMs = 60_000;

/** After Redis was away a reply has this time to come before its request is taken for lost, in ms. */
const lateReplyMs = 300;

/** Carries requests to the replicas that own their keys, and the replies back to those who wait. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #waiters: Waiters;
  #rechecking: Promise<void> | undefined;
  #recheckAgain = false;
  #unclaimed = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#waiters = options.waiters;
  }

  /** The ids of the requests whose answer is waited for. */
  get waiting(): readonly string[] {
    return this.#waiters.ids;
  }

  get waitingCount(): number {
    return this.#waiters.size;
  }

  /** Replies that nobody waited for any more. */
  get unclaimedCount(): number {
    return this.#unclaimed;
  }

  /** The replicas that requests wait for. */
  get replicas(): Iterable<string> {
    return this.#waiters.replicas;
  }

  /**
   * Dispatches one request.
   * @param ip the client's address.
   * @param onOutcome called once, with the answer or the problem; never called after {@link abandon}.
   * @returns the request's id.
   */
  dispatch(request: HttpRequest, ip: string, onOutcome: (outcome: Outcome) => void): string {
    const { watcher, capacity, gateway, hashKey, replyTimeoutMs } = this.#options;
    const id = randomUUID();
    const key = selectHashKey(hashKey, { target: request.target, headers: request.headers, ip }, randomKey);
    const replica = key === undefined ? undefined : watcher.ring.owner(key);
    const redelivery = redeliveryOf(request.method, request.headers);
    if (replica === undefined || redelivery === undefined || watcher.stale) {
      onOutcome({ id, replica: undefined, result: this.#refusal(key, redelivery) });
      return id;
    }
    const full = capacity.refusal(replica, request.body.length);
    if (full !== undefined) {
      onOutcome({ id, replica, result: new Problem('over_capacity', `Try again later: ${full}.`) });
      return id;
    }
    const deadline = Date.now() + replyTimeoutMs;
    const job = encodeJob(request, { gateway, deadline, redelivery });
    const settle = (result: HttpReply | Problem): void => onOutcome({ id, replica, result });
    const waiter = { id, replica, job, body: request.body, settle };
    // The waiter is there before the job: a reply can never come too early.
    this.#waiters.add(waiter, replyTimeoutMs, (late) => this.#expire(late));
    this.#add(waiter);
    return id;
  }

  /** The client has gone: nobody waits any more, and the job is taken back if it is not started yet. */
  abandon(id: string): void {
    const waiter = this.#waiters.take(id);
    if (waiter) this.#takeBack(waiter.replica, id);
  }

  /**
   * Looks after the requests that wait, when Redis was away or has lost something: its newest second, or a reply that
   * was under way. A request that Redis knows nothing of any more, and whose reply does not come, is handed over
   * again where that is safe; the client of any other learns that its outcome is unknown.
   * @returns when all are looked after; rejects when Redis is away again.
   */
  recheck(): Promise<void> {
    this.#recheckAgain = true;
    this.#rechecking ??= this.#recheckAll().finally(() => {
      this.#rechecking = undefined;
    });
    return this.#rechecking;
  }

  async #recheckAll(): Promise<void> {
    while (this.#recheckAgain) {
      this.#recheckAgain = false;
      await this.#recheckOnce();
    }
  }

  async #recheckOnce(): Promise<void> {
    const { queues, watcher, log } = this.#options;
    const waiting = this.#waiters.all;
    if (waiting.length === 0) return;
    // A job is still there for a moment after its reply went out.
    await delay(lateReplyMs);
    const silent = waiting.filter(({ id }) => this.#waiters.has(id));
    const known = await Promise.all(silent.map(({ replica, id }) => queues.has(replica, id)));
    const unknown = silent.filter((_, at) => known[at] === false);
    if (unknown.length === 0) return;
    // One that was finished just now has its reply on the way.
    await delay(lateReplyMs);
    const lost = unknown.filter(({ id }) => this.#waiters.has(id));
    if (lost.length > 0)
      log.warn({ requests: lost.map(({ id }) => id) }, 'Redis has lost requests that wait');
    for (const waiter of lost) {
      const there = watcher.state.desired.some(({ name }) => name === waiter.replica);
      if (waiter.job.redelivery === 'safe' && there) {
        this.#add(waiter);
        continue;
      }
      this.#waiters.take(waiter.id);
      waiter.settle(
        waiter.job.redelivery === 'safe'
          ? new Problem('redis_away', 'Redis has lost the request.')
          : new Problem(
              'outcome_unknown',
              'Redis has lost the request, or its answer, while it was under way.',
            ),
      );
    }
  }

  /** Gives a reply to the one who waits for it. */
  receive(replica: string, reply: Reply): void {
    const { redis, keys, log } = this.#options;
    const { status, headers, body } = reply;
    const waiter = this.#waiters.take(reply.id);
    if (waiter === undefined) {
      this.#unclaimed += 1;
      if (body !== undefined) return;
      redis
        .unlink(keys.replyBody(replica, reply.id))
        .catch((error: unknown) => log.debug({ request: reply.id, err: error }, 'a body expires by itself'));
      return;
    }
    if (body !== undefined) {
      waiter.settle({ status, headers, body });
      return;
    }
    redis.getdelBuffer(keys.replyBody(replica, reply.id)).then(
      (stored) =>
        waiter.settle(
          stored === null
            ? new Problem('outcome_unknown', 'The request was done, but the body of its answer is gone.')
            : { status, headers, body: stored },
        ),
      () =>
        waiter.settle(
          new Problem('outcome_unknown', 'The request was done, but Redis went away before its answer.'),
        ),
    );
  }

  #refusal(key: string | undefined, redelivery: Redelivery | undefined): Problem {
    const { watcher } = this.#options;
    if (redelivery === undefined) {
      return new Problem('request_malformed', 'Ringpost-Retry must be always or never.');
    }
    if (key === undefined) {
      return new Problem('hash_key_missing', 'The request carries none of the keys that HASH_KEY names.');
    }
    return watcher.stale
      ? new Problem(
          'redis_away',
          'Redis does not answer, so the owner of the request cannot be known for sure.',
        )
      : new Problem('no_replica', 'No replica is ready.');
  }

  #add(waiter: Waiter): void {
    const { queues, replyTimeoutMs } = this.#options;
    const { id, replica, job, body } = waiter;
    const stored = storedBody(job) ? { body, ttlMs: replyTimeoutMs + storedGraceMs } : undefined;
    queues.add(replica, id, job, stored).catch((error: unknown) => this.#notAdded(id, job, error));
  }

  #expire({ id, replica, settle }: Waiter): void {
    this.#takeBack(replica, id);
    const { replyTimeoutMs } = this.#options;
    settle(new Problem('reply_timeout', `Replica ${replica} did not answer within ${replyTimeoutMs} ms.`));
  }

  #takeBack(replica: string, id: string): void {
    const { queues, log } = this.#options;
    // Where this fails the worker drops the job by its deadline.
    queues
      .takeBack(replica, id)
      .catch((error: unknown) => log.debug({ request: id, err: error }, 'not taken back'));
  }

  #notAdded(id: string, job: JobData, error: unknown): void {
    const waiter = this.#waiters.take(id);
    if (waiter === undefined) return;
    this.#options.log.warn({ request: id, err: error }, 'a job could not be added');
    waiter.settle(
      // Redis may have taken the job before the connection broke.
      perhapsAdded(error) && job.redelivery === 'never'
        ? new Problem('outcome_unknown', 'Redis went away while the request was handed over.', {
            cause: error,
          })
        : new Problem('redis_away', 'Redis does not take requests now.', { cause: error }),
    );
  }
}

/** @returns whether a failed command may have been carried out all the same. */
function perhapsAdded(error: unknown): boolean {
  if (!(error instanceof Error)) return true;
  const refusedByRedis = error.name === 'ReplyError';
  const neverSent = error.message.includes('enableOfflineQueue');
  return !refusedByRedis && !neverSent;
}
