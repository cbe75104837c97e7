import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { callerField } from '#shared/contract/caller.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { encodeReply } from '#shared/contract/reply.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import { expectedOfRequest } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair, orNull } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { noteRequest } from '#shared/store/request-notes.ts';
import { scriptsOn } from '#shared/store/scripts/load.ts';
import type { Callbacks } from '../callbacks/callbacks.ts';
import type { JobQueues } from '#shared/store/job-queues.ts';
import type { KnownRequest, RequestStore } from '../records/request-store.ts';

export interface CancellationOptions {
  /** A fail-fast connection. */
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: RequestStore;
  readonly queues: JobQueues;
  readonly callbacks: Callbacks;
  /** Time in ms that it is known of a request that it was cancelled. */
  readonly keepMs: number;
  readonly log: Logger;
}

/** A worker that runs the request is told again after this time, in ms: the word may have come before the job. */
const againMs = 100;
/** Until the worker has let it go, in ms; one that is dead by then never will. */
const patienceMs = 2000;
/** The gateway of a client that waits reads its inbox at once. */
const inboxTtlMs = 60_000;

/** What the note of a cancellation has found, by what the script returns. */
const found = new Map<unknown, 'ended' | 'running' | 'unrecorded'>([
  [1, 'ended'],
  [2, 'running'],
  [-1, 'unrecorded'],
]);

/**
 * Cancels requests. The wish is in Redis before it is answered: a request that is not running has ended with that, and one
 * that is running is not begun again. The worker that runs it is told, and lets it go.
 */
export class Cancellation {
  readonly #options: CancellationOptions;
  readonly #repair: KeyRepair;

  constructor(options: CancellationOptions) {
    this.#options = options;
    this.#repair = new KeyRepair(options.redis, options.keys, options.log);
  }

  /**
   * @returns the request as it is then: it may have come to its end by itself, or its worker may be dead. What is
   * `running` is not begun again.
   */
  async cancel(request: KnownRequest): Promise<KnownRequest | undefined> {
    const { redis, keys, store, queues } = this.#options;
    const { id, replica } = request;
    const until = performance.now() + patienceMs;
    for (let now: KnownRequest | undefined = request; ; now = await store.find(id)) {
      if (now === undefined || finalStates.has(now.record.state)) return now;
      const noted = await this.#note(now);
      if (noted === 'ended') {
        await this.#follow(now);
        return store.find(id);
      }
      if (await queues.takeBack(replica, id)) {
        await this.#endTakenBack(now);
        return store.find(id);
      }
      if (performance.now() > until) return store.find(id);
      await redis.publish(keys.cancellations, id);
      await delay(againMs);
    }
  }

  /** Notes the wish in the record, or in the job of a request that has none. */
  async #note({ id, replica }: KnownRequest): Promise<'ended' | 'running' | 'unrecorded' | undefined> {
    const { redis, keys } = this.#options;
    const run = scriptsOn(redis);
    const noted = await this.#repair.mending(
      () => run('cancel-request', keys.request(replica, id), clockOf(redis).now(), keys.requestChanges(id)),
      () => expectedOfRequest(keys, replica, id),
    );
    const what = found.get(noted);
    // A job that is of another type is moved aside by its worker, and not run.
    if (what === 'unrecorded') await orNull(run('mark-cancelled', keys.job(replica, id)));
    return what;
  }

  /** The request has ended; its job would be taken for nothing. */
  async #follow({ id, replica, record }: KnownRequest): Promise<void> {
    const { queues, callbacks, log } = this.#options;
    try {
      if (record.callback !== undefined) await callbacks.promote(id);
      await queues.takeBack(replica, id);
    } catch (error) {
      // A worker takes the job, does not begin it, and sees to its callback.
      log.debug({ request: id, err: error }, 'a cancelled request is left to its worker');
    }
  }

  async #endTakenBack({ id, replica, record, gateway }: KnownRequest): Promise<void> {
    const { redis, keys, keepMs, callbacks } = this.#options;
    const { method, target, accepted, deadline } = record;
    const noted = ['method', method, 'target', target, 'accepted', accepted, 'deadline', deadline];
    const terms = { keepMs, deadline, ...callerField(record) };
    await noteRequest(redis, keys, replica, id, terms, 'cancelled', [
      ...noted,
      'finished',
      clockOf(redis).now(),
    ]);
    // Where it is not heard of now, its callback is due at its deadline.
    if (record.callback !== undefined) await callbacks.promote(id);
    if (gateway === '') return;
    const inbox = keys.inbox(replica, gateway);
    const frame = encodeReply(id, problemReply('cancelled', 'The request was cancelled before it was run.'));
    await redis.multi().rpush(inbox, frame).pexpire(inbox, inboxTtlMs).exec();
  }
}
