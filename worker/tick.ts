import { createRequire } from 'node:module';
import type { Redis } from 'ioredis';
import type { Keys } from '#shared/keys.ts';
import { withBullMq } from '#shared/scripts/compose.ts';
import { defineScript } from '#shared/scripts/load.ts';
import { inboxTtlMs } from './reply-pushes.ts';
import type { Fenced } from './reply-pushes.ts';

/** A reply on its way to the gateway that waits for it. */
export interface OutgoingReply {
  readonly gateway: string;
  readonly frame: Buffer;
}

/** A job that is to be finished, and the reply that goes out in the same step. */
export interface Ended {
  readonly id: string;
  readonly reply: OutgoingReply | undefined;
}

/** What a tick has brought. */
export interface Ticked {
  /** When the next delayed job may be taken, in ms since the epoch; 0 where there is none, or jobs were taken. */
  readonly due: number;
  /** What BullMQ's `moveToFinished` says of each job that was to be finished: 0, or below it where it was not there. */
  readonly codes: readonly number[];
  readonly taken: readonly {
    readonly id: string;
    /** JSON; null where the job has no data. */
    readonly data: string | null;
    /** How often the job was taken, this time counted. */
    readonly times: number;
  }[];
}

/**
 * One call to Redis: pushes replies, finishes their jobs, and takes new ones.
 * @param taking how many to take at most.
 * @returns undefined where another worker has taken the lease: then nothing was done.
 */
export type Tick = (ended: readonly Ended[], taking: number) => Promise<Ticked | undefined>;

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
  return withBullMq('tick', scripts, load);
}

/** What the script gives. */
type Raw = [-1] | [due: number, codes: number[], taken: [id: string, data: string | null, times: string][]];

/** Defines the script on the connection. */
export function createTick({ redis, keys, lease, lua, token, lockMs }: TickOptions): Tick {
  const { replica } = lease;
  const touched = [...keys.moveToFinished(replica), keys.leaseFence(replica)];
  const prefix = `${keys.replica(replica)}:`;
  const run = defineScript(redis, 'tick', touched.length, lua);
  return async (ended, taking) => {
    const raw = (await run(
      ...touched,
      // It is taken after this was made.
      lease.fence,
      prefix,
      Date.now(),
      token,
      lockMs,
      taking,
      inboxTtlMs,
      ...byInbox(ended, (gateway) => keys.inbox(replica, gateway)),
      ...ended.map(({ id }) => id),
    )) as Raw;
    if (raw.length === 1) return undefined;
    const [due, codes, taken] = raw;
    return { due, codes, taken: taken.map(([id, data, times]) => ({ id, data, times: Number(times) })) };
  };
}

/** @returns how many inboxes there are, and for each its key, how many frames there are for it, and the frames. */
function byInbox(ended: readonly Ended[], keyOf: (gateway: string) => string): (string | number | Buffer)[] {
  const replies = ended.flatMap(({ reply }) => reply ?? []);
  const groups = Map.groupBy(replies, ({ gateway }) => gateway);
  const each = Array.from(groups, ([gateway, some]) => [
    keyOf(gateway),
    some.length,
    ...some.map(({ frame }) => frame),
  ]);
  return [groups.size, ...each.flat()];
}
