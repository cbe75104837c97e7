import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

/** The last crash of a replica's worker. Several processes write it, each what it knows. */
export interface CrashNote {
  /** The generation that crashed. */
  readonly generation: number;
  /** When it was noticed, in ms since the epoch. */
  readonly at?: number;
  /** For people, e.g. `exited with code 1`. */
  readonly reason?: string;
  /** The last lines that the worker wrote to stderr. */
  readonly stderr?: readonly string[];
  /** Ids of the requests that it was running. */
  readonly requests?: readonly string[];
}

/** How long a crash is shown, in ms. */
const crashTtlMs = 3_600_000;

/**
 * Notes what is known of a crash, beside what others have noted of the crash of the same generation. The first reason stands:
 * what a worker says of itself comes before what its driver sees. The crash of an older generation is not noted.
 */
export async function noteCrash(
  redis: Redis,
  keys: Keys,
  replica: string,
  { generation, at, reason, stderr, requests }: CrashNote,
): Promise<void> {
  const key = keys.crash(replica);
  const fields: Record<string, string | number> = { generation };
  if (at !== undefined) fields['at'] = at;
  if (stderr !== undefined) fields['stderr'] = JSON.stringify(stderr);
  if (requests !== undefined) fields['requests'] = JSON.stringify(requests);
  const known = await redis.hget(key, 'generation');
  if (Number(known) > generation) return;
  const transaction = redis.multi();
  if (known !== null && known !== String(generation)) transaction.del(key);
  transaction.hset(key, fields);
  if (reason !== undefined) transaction.hsetnx(key, 'reason', reason);
  await transaction.pexpire(key, crashTtlMs).exec();
}

/** @returns the last crash of a replica's worker, while it is remembered. */
export async function readCrash(redis: Redis, keys: Keys, replica: string): Promise<CrashNote | undefined> {
  const hash = await redis.hgetall(keys.crash(replica));
  const { generation, at, reason, stderr, requests } = hash;
  if (generation === undefined) return undefined;
  return {
    generation: Number(generation),
    ...(at === undefined ? {} : { at: Number(at) }),
    ...(reason === undefined ? {} : { reason }),
    ...(stderr === undefined ? {} : { stderr: JSON.parse(stderr) as string[] }),
    ...(requests === undefined ? {} : { requests: JSON.parse(requests) as string[] }),
  };
}
