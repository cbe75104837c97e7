import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { parseLease } from '#shared/contract/lease.ts';
import { orNull } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { RingWatcher } from './ring-watcher.ts';

export interface ReadinessOptions {
  readonly watcher: RingWatcher;
  readonly redis: Redis;
  readonly keys: Keys;
  /** Workers that started before, in ms since the epoch by Redis's clock, do not count: they are dead, whatever their leases say. */
  readonly since: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Leases are looked at this often, in ms. */
const lookEveryMs = 25;

/**
 * Waits for the workers of all desired replicas. The ring alone does not tell: it is found again from the start
 * before, and keeps a replica without a worker for `FAILOVER_MS`.
 * @returns the replicas that take jobs and own keys, and whether those are all; before `timeoutMs` or the signal only
 * when they are.
 */
export async function untilReady(options: ReadinessOptions): Promise<{ ready: string[]; all: boolean }> {
  const { watcher, timeoutMs, signal } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const { version, desired } = watcher.state;
    const ready = await readyReplicas(options);
    const all = version >= 0 && ready.length === desired.length;
    if (all || performance.now() > deadline || signal.aborted) return { ready, all };
    await delay(lookEveryMs);
  }
}

async function readyReplicas({ watcher, redis, keys, since }: ReadinessOptions): Promise<string[]> {
  const names = watcher.ring.members.map(({ name }) => name);
  // One of another type is none; whoever serves the queue writes it anew.
  const leases = await Promise.all(names.map((name) => orNull(redis.get(keys.lease(name)))));
  return names.filter((_, at) => {
    const json = leases[at];
    const lease = json ? parseLease(json) : undefined;
    return lease?.state === 'ready' && lease.started >= since;
  });
}
