import { createRequire } from 'node:module';
import type { Redis } from 'ioredis';
import type { ReplyFrame } from '#shared/contract/reply.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { withBullMq } from '#shared/store/scripts/compose.ts';
import { defineScript } from '#shared/store/scripts/load.ts';
import { inboxTtlMs } from '../reply/reply-pushes.ts';
import type { Fenced } from '../reply/reply-pushes.ts';

/** A reply on its way to the gateway that waits for it. */
export interface OutgoingReply {
  readonly gateway: string;
  readonly frame: ReplyFrame;
}

/** A job that is to be finished, and the reply that goes out in the same step. */
export interface Ended {
  readonly id: string;
  readonly reply: OutgoingReply | undefined;
}

/** A job that is in the consumer's hands. */
export interface Taken {
  readonly id: string;
  /** JSON; null where the job has no data. */
  readonly data: string | null;
  /** How often the job was taken, this time counted. */
  readonly times: number;
}

/** What a tick has brought. */
export interface Ticked {
  /** When the next delayed job may be taken, in ms since the epoch; 0 where there is none, null where it was not asked. */
  readonly due: number | null;
  /** What BullMQ's `moveToFinished` says of each job that was to be finished: 0, or below it where it was not there. */
  readonly codes: readonly number[];
  /** Jobs that waited. */
  readonly taken: readonly Taken[];
  /** Jobs that were put into the consumer's hands and that it had not read yet, as {@link parseDelivery} reads them. */
  readonly unread: readonly string[];
}

/** Says to the script that the consumer takes nothing any more. */
export const leavesNow = 0;
/** Says to the script that the consumer has left before. */
export const takesNothing = -1;
/** Says to the script that the consumer takes nothing for a while, and nothing may be delivered to it. */
export const isPaused = -2;

/**
 * One call to Redis: pushes replies, finishes their jobs, and takes new ones.
 * @param atMost jobs in hand; or {@link leavesNow}, once, and {@link takesNothing} after it; or {@link isPaused}.
 * @returns undefined where another worker has taken the lease: then nothing was done.
 */
export type Tick = (ended: readonly Ended[], atMost: number) => Promise<Ticked | undefined>;

/** @returns the job that was put into the consumer's hands; undefined for the mark that is the last of all. */
export function parseDelivery(delivery: string): Taken | undefined {
  if (delivery === '') return undefined;
  const end = delivery.indexOf('\n');
  return { id: delivery.slice(0, end), data: delivery.slice(end + 1), times: 1 };
}

export interface TickOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** By which the worker serves the queue. */
  readonly lease: Fenced;
  /** The script, with BullMQ's own in it. */
  readonly lua: string;
  /** Of the locks on the jobs that are taken. */
  readonly token: string;
  readonly lockMs: number;
}

/** @returns the script, with BullMQ's own in it; or why it cannot be made. */
export function tickScript(
  load: (module: string) => unknown = createRequire(import.meta.url),
): ReturnType<typeof withBullMq> {
  const scripts = [
    ['moveToActive', 11],
    ['moveToFinished', 14],
  ] as const;
  return withBullMq('tick', scripts, ['finish-jobs', 'take-jobs'], load);
}

/** What the script gives. */
type Raw = [-1] | [due: number | null, codes: number[], taken: (string | number | null)[], unread: string[]];

/** Jobs that wait, in one call, so that Redis is not kept from others for long. */
const mostTaken = 64;

/** Defines the script on the connection. */
export function createTick({ redis, keys, lease, lua, token, lockMs }: TickOptions): Tick {
  const { replica } = lease;
  const touched = [...keys.moveToFinished(replica), keys.leaseFence(replica), keys.consumer(replica)];
  const prefix = `${keys.replica(replica)}:`;
  const run = defineScript(redis, touched.length, lua);
  const clock = clockOf(redis);
  return async (ended, atMost) => {
    const raw = (await run(
      ...touched,
      // It is taken after this was made.
      lease.fence,
      prefix,
      clock.now(),
      token,
      lockMs,
      atMost,
      mostTaken,
      inboxTtlMs,
      ...byInbox(ended, (gateway) => keys.inbox(replica, gateway)),
      ...ended.map(({ id }) => id),
    )) as Raw;
    if (raw.length === 1) return undefined;
    const [due, codes, flat, unread] = raw;
    const taken: Taken[] = [];
    for (let at = 0; at < flat.length; at += 3) {
      const data = flat[at + 1];
      taken.push({
        id: String(flat[at]),
        data: typeof data === 'string' ? data : null,
        times: Number(flat[at + 2]),
      });
    }
    return { due, codes, taken, unread };
  };
}

/** @returns how many inboxes there are, and for each its key, how many frames there are for it, and the frames. */
function byInbox(ended: readonly Ended[], keyOf: (gateway: string) => string): (string | number | Buffer)[] {
  const inboxes: { readonly gateway: string; readonly frames: ReplyFrame[] }[] = [];
  for (const { reply } of ended) {
    if (reply === undefined) continue;
    // Gateways are few, and their names are strings that a `Map` would have to look up among all strings first.
    const inbox = inboxes.find(({ gateway }) => gateway === reply.gateway);
    if (inbox === undefined) inboxes.push({ gateway: reply.gateway, frames: [reply.frame] });
    else inbox.frames.push(reply.frame);
  }
  const each = inboxes.flatMap(({ gateway, frames }) => [keyOf(gateway), frames.length, ...frames]);
  return [inboxes.length, ...each];
}
