import type { Redis } from 'ioredis';
import { formatLosses, isConvicted, parseLosses, withoutLossesOf } from '../contract/losses.ts';
import type { Loss } from '../contract/losses.ts';
import type { Keys } from './keys/keys.ts';
import { keysOf, redisOf } from './redis/access.ts';
import type { Connection } from './redis/connection.ts';
import { scriptsOn } from './scripts/load.ts';

/** The field of a job, beside BullMQ's own, that holds its losses. */
const lossesField = 'ringpost:losses';
/** The field of a job that says that a suspect is running. */
const runningField = 'ringpost:running';

/** Instead of when it was begun: a suspect that is never run again. */
export const convicted = 0;

/** What is known of a suspect after its worker died. */
export interface NotedLoss {
  readonly id: string;
  readonly losses: readonly Loss[];
  readonly convicted: boolean;
  /** Whether it was running alone: then nothing else can have killed the worker. */
  readonly alone: boolean;
}

/** @returns the ids of the suspects of a replica. */
export async function suspectsOf(redis: Redis, keys: Keys, replica: string): Promise<ReadonlySet<string>> {
  return new Set(await redis.smembers(keys.suspects(replica)));
}

/** @returns the losses of a job, the oldest first. */
export async function lossesOf(redis: Redis, keys: Keys, replica: string, id: string): Promise<Loss[]> {
  return parseLosses(await redis.hget(keys.job(replica, id), lossesField));
}

/** @returns the losses of a job, the oldest first. */
export function crashesOf(connection: Connection, replica: string, id: string): Promise<Loss[]> {
  return lossesOf(redisOf(connection), keysOf(connection), replica, id);
}

/**
 * Takes from all suspects of a replica the losses that a convict has caused. To be called with the replica's lease in
 * hand, and before any of them runs.
 * @param convict the losses of a request that was convicted since it ran alone.
 */
export async function absolve(
  redis: Redis,
  keys: Keys,
  replica: string,
  convict: readonly Loss[],
): Promise<void> {
  for (const id of await suspectsOf(redis, keys, replica)) {
    const losses = await lossesOf(redis, keys, replica, id);
    const left = withoutLossesOf(losses, convict);
    if (left.length === losses.length) continue;
    const job = keys.job(replica, id);
    // It must not come into being by that.
    if ((await redis.exists(job)) === 1) await redis.hset(job, lossesField, formatLosses(left));
  }
}

/**
 * Notes that a worker died while it was running a job that may run again.
 * @param loss `counts` is false if ringpost or a shutdown ended the worker.
 * @returns undefined if the job is gone, or has no new loss.
 */
export async function noteLoss(
  redis: Redis,
  keys: Keys,
  replica: string,
  id: string,
  { death, begun, counts }: Loss & { readonly counts: boolean },
): Promise<NotedLoss | undefined> {
  // The script's own answer.
  const noted = (await scriptsOn(redis)(
    'note-loss',
    keys.job(replica, id),
    keys.suspects(replica),
    keys.unfinished(replica).active,
    keys.jobLock(replica, id),
    id,
    death,
    begun,
    counts ? 1 : 0,
  )) as [losses: string, alone: number] | null;
  if (noted === null || noted[1] === -1) return undefined;
  const losses = parseLosses(noted[0]);
  const alone = noted[1] === 1;
  return { id, losses, alone, convicted: isConvicted(losses, alone) };
}

/**
 * Notes that a suspect is about to run.
 * @param begun the higher, the later; {@link convicted} if only its end is to be told.
 * @returns its data as JSON and how often it was begun; undefined if it is no suspect any more.
 */
export async function beginSuspect(
  redis: Redis,
  keys: Keys,
  replica: string,
  id: string,
  begun: number,
  alone: boolean,
): Promise<{ readonly data: string; readonly attempt: number } | undefined> {
  // The script's own answer.
  const found = (await scriptsOn(redis)(
    'begin-suspect',
    keys.job(replica, id),
    keys.suspects(replica),
    keys.unfinished(replica).active,
    id,
    begun,
    alone ? 1 : 0,
  )) as [data: string, attempt: number] | null;
  return found === null ? undefined : { data: found[0], attempt: found[1] };
}

/** A suspect has ended, or is put back: it is none any more. Its losses stay with its job. */
export async function endSuspect(redis: Redis, keys: Keys, replica: string, id: string): Promise<void> {
  const job = keys.job(replica, id);
  await redis.multi().srem(keys.suspects(replica), id).hdel(job, runningField).exec();
}
