import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { noteCrash } from '#shared/store/crash-notes.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { ReplicaLease } from './replica-lease.ts';
import type { LineLog } from './line-log.ts';

export interface LastWordsOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** The worker's own replica and generation. */
  readonly replica: string;
  readonly generation: number;
  /** Whether this process ends its own lease, because no driver sees its death. */
  readonly endsLease: boolean;
  /** How far the clock of this host is ahead of Redis's, in ms. */
  readonly aheadMs: number;
  readonly log: LineLog;
}

/** Time for what is said to Redis and to stderr, in ms. */
const lastWordsMs = 1000;

/**
 * Ends this process from a thread while the main thread stands still: notes why, gives up the leases and kills. It is a
 * death that its driver did not cause, as when the handler had killed it.
 * @param reason for people, e.g. `its event loop stood still for 10000 ms`.
 */
export async function giveUp(
  options: LastWordsOptions,
  leases: readonly ReplicaLease[],
  reason: string,
): Promise<void> {
  const { redis, keys, replica, generation, aheadMs, log } = options;
  log.error({ reason }, 'the worker gives up its leases and ends; what it was running is lost');
  const noted = noteCrash(redis, keys, replica, { generation, at: Date.now() - aheadMs, reason });
  await Promise.race([
    Promise.all([noted, endLeases(options, leases), log.flush()]),
    delay(lastWordsMs),
  ]).catch((error: unknown) => log.warn({ err: error, replica }, 'the leases run out by themselves'));
  process.kill(process.pid, 'SIGKILL');
}

/** The own lease ends with the process if a driver sees that: a worker without a lease would look as if it hung. */
async function endLeases(
  { redis, keys, endsLease }: LastWordsOptions,
  leases: readonly ReplicaLease[],
): Promise<void> {
  const ended = leases.filter((lease) => endsLease || !lease.own);
  await Promise.all(ended.map((lease) => lease.end()));
  await Promise.all(ended.map(({ replica }) => redis.publish(keys.changes, `let go ${replica}`)));
}
