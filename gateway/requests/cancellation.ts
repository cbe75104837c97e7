import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { callerField } from '#shared/contract/caller.ts';
import { encodeReply } from '#shared/contract/reply.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import type { Keys } from '#shared/keys.ts';
import { clockOf } from '#shared/redis-clock.ts';
import { noteRequest } from '#shared/request-notes.ts';
import type { Callbacks } from '../callbacks/callbacks.ts';
import type { JobQueues } from '../dispatch/job-queues.ts';
import type { KnownRequest, RequestStore } from './request-store.ts';

export interface CancellationOptions {
  /** A fail-fast connection. */
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: RequestStore;
  readonly queues: JobQueues;
  readonly callbacks: Callbacks;
  /** Time in ms that it is known of a request that it was cancelled. */
  readonly keepMs: number;
}

/** A worker that runs the request is told again after this time, in ms: the word may have come before the job. */
const againMs = 100;
/** Until the worker has let it go, in ms; one that is dead by then never will. */
const patienceMs = 2000;
/** The gateway of a client that waits reads its inbox at once. */
const inboxTtlMs = 60_000;

/**
 * Cancels a request: a queued one is taken back and never runs; the worker that runs another one lets it go, and its
 * signal fires.
 * @returns the request as it is then: it may have come to its end by itself, or its worker may be dead.
 */
export async function cancelRequest(
  options: CancellationOptions,
  request: KnownRequest,
): Promise<KnownRequest | undefined> {
  const { redis, keys, store, queues } = options;
  const { id, replica } = request;
  const until = performance.now() + patienceMs;
  for (let now: KnownRequest | undefined = request; ; now = await store.find(id)) {
    if (now === undefined || finalStates.has(now.record.state) || performance.now() > until) return now;
    if (await queues.takeBack(replica, id)) {
      await endTakenBack(options, now);
      return store.find(id);
    }
    await redis.publish(keys.cancellations, id);
    await delay(againMs);
  }
}

async function endTakenBack(
  { redis, keys, keepMs, callbacks }: CancellationOptions,
  { id, replica, record, gateway }: KnownRequest,
): Promise<void> {
  const { method, target, accepted, deadline } = record;
  const noted = ['method', method, 'target', target, 'accepted', accepted, 'deadline', deadline];
  const ended = [...noted, 'finished', clockOf(redis).now()];
  await noteRequest(
    redis,
    keys,
    replica,
    id,
    { keepMs, deadline, ...callerField(record) },
    'cancelled',
    ended,
  );
  // Where it is not heard of now, its callback is due at its deadline.
  if (record.callback !== undefined) await callbacks.promote(id);
  if (gateway === '') return;
  const inbox = keys.inbox(replica, gateway);
  const frame = encodeReply(id, problemReply('cancelled', 'The request was cancelled before it was run.'));
  await redis.multi().rpush(inbox, frame).pexpire(inbox, inboxTtlMs).exec();
}
