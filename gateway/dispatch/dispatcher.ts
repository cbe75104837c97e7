import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';
import { encodeJob, redeliveryOf, storedBody } from '#shared/contract/job.ts';
import type { JobData, Redelivery } from '#shared/contract/job.ts';
import type { Reply } from '#shared/contract/reply.ts';
import { Problem } from '#shared/errors.ts';
import type { Keys } from '#shared/keys.ts';
import type { Logger } from '#shared/logger.ts';
import type { RingWatcher } from '../ring-watcher.ts';
import { randomKey, selectHashKey } from './hash-key.ts';
import type { HashKeySource } from './hash-key.ts';
import type { JobQueues } from './job-queues.ts';

export interface DispatcherOptions {
  readonly gateway: string;
  readonly watcher: RingWatcher;
  readonly queues: JobQueues;
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

interface Waiter {
  readonly replica: string;
  readonly timer: NodeJS.Timeout;
  readonly settle: (result: HttpReply | Problem) => void;
}

/** Bodies kept apart outlive the wait for the answer by this time, in ms, in case that clocks differ. */
const storedGraceMs = 60_000;

/** Carries requests to the replicas that own their keys, and the replies back to those who wait. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #waiters = new Map<string, Waiter>();
  readonly #waitersOf = new Map<string, number>();
  #unclaimed = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** The ids of the requests whose answer is waited for. */
  get waiting(): readonly string[] {
    return [...this.#waiters.keys()];
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
    return this.#waitersOf.keys();
  }

  /**
   * Dispatches one request.
   * @param ip the client's address.
   * @param onOutcome called once, with the answer or the problem; never called after {@link abandon}.
   * @returns the request's id.
   */
  dispatch(request: HttpRequest, ip: string, onOutcome: (outcome: Outcome) => void): string {
    const { watcher, queues, gateway, hashKey, replyTimeoutMs } = this.#options;
    const id = randomUUID();
    const key = selectHashKey(hashKey, { target: request.target, headers: request.headers, ip }, randomKey);
    const replica = key === undefined ? undefined : watcher.ring.owner(key);
    const redelivery = redeliveryOf(request.method, request.headers);
    if (replica === undefined || redelivery === undefined || watcher.stale) {
      onOutcome({ id, replica: undefined, result: this.#refusal(key, redelivery) });
      return id;
    }
    // The waiter is there before the job: a reply can never come too early.
    this.#wait(id, replica, (result) => onOutcome({ id, replica, result }));
    const job = encodeJob(request, {
      gateway,
      deadline: Date.now() + replyTimeoutMs,
      redelivery,
    });
    const stored = storedBody(job)
      ? { body: request.body, ttlMs: replyTimeoutMs + storedGraceMs }
      : undefined;
    queues.add(replica, id, job, stored).catch((error: unknown) => this.#notAdded(id, job, error));
    return id;
  }

  /** The client has gone: nobody waits any more, and the job is taken back if it is not started yet. */
  abandon(id: string): void {
    const waiter = this.#remove(id);
    if (waiter) this.#takeBack(waiter.replica, id);
  }

  /** Gives a reply to the one who waits for it. */
  receive(replica: string, reply: Reply): void {
    const { redis, keys, log } = this.#options;
    const { status, headers, body } = reply;
    const waiter = this.#remove(reply.id);
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

  #wait(id: string, replica: string, settle: Waiter['settle']): void {
    const { replyTimeoutMs } = this.#options;
    const timer = setTimeout(() => this.#expire(id), replyTimeoutMs);
    this.#waiters.set(id, { replica, timer, settle });
    this.#waitersOf.set(replica, (this.#waitersOf.get(replica) ?? 0) + 1);
  }

  #remove(id: string): Waiter | undefined {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) return undefined;
    this.#waiters.delete(id);
    clearTimeout(waiter.timer);
    const left = (this.#waitersOf.get(waiter.replica) ?? 1) - 1;
    if (left === 0) this.#waitersOf.delete(waiter.replica);
    else this.#waitersOf.set(waiter.replica, left);
    return waiter;
  }

  #expire(id: string): void {
    const waiter = this.#remove(id);
    if (waiter === undefined) return;
    this.#takeBack(waiter.replica, id);
    const { replyTimeoutMs } = this.#options;
    waiter.settle(
      new Problem('reply_timeout', `Replica ${waiter.replica} did not answer within ${replyTimeoutMs} ms.`),
    );
  }

  #takeBack(replica: string, id: string): void {
    const { queues, log } = this.#options;
    // Where this fails the worker drops the job by its deadline.
    queues
      .takeBack(replica, id)
      .catch((error: unknown) => log.debug({ request: id, err: error }, 'not taken back'));
  }

  #notAdded(id: string, job: JobData, error: unknown): void {
    const waiter = this.#remove(id);
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
