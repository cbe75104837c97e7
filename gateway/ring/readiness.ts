import { setTimeout as delay } from 'node:timers/promises';
import { isOut } from '#shared/contract/ejection.ts';
import { LeaseReader } from '#shared/store/lease/lease-reader.ts';
import { SleepNotes } from '#shared/store/lease/sleep-notes.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { RingWatcher } from './ring-watcher.ts';

export interface ReadinessOptions {
  readonly watcher: RingWatcher;
  readonly connection: Connection;
  /**
   * In ms since the epoch, in Redis time. Workers that started before do not count: they are dead, even if
   * their leases have not expired yet.
   */
  readonly since: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Between two polls, in ms, and what each replica adds to that: a poll reads something of all of them. */
const pollIntervalMs = 25;
const perReplicaMs = 0.2;

/**
 * Waits for the workers of all desired replicas, except those that sleep. The ring alone does not show them:
 * it may be left from an earlier start, and it keeps a replica without a worker for `FAILOVER_MS`.
 * @returns the replicas that take jobs, or sleep, and own keys, and whether all do. If not all do, the
 * timeout has passed, or the signal has fired.
 */
export async function untilReady(options: ReadinessOptions): Promise<{ ready: string[]; all: boolean }> {
  const { watcher, connection, since, timeoutMs, signal } = options;
  const leases = new LeaseReader(connection);
  const notes = new SleepNotes(connection);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const { version, desired, drained, ejections } = watcher.state;
    const awaited = desired.filter(({ name }) => !drained.has(name) && !isOut(ejections.get(name)));
    const ready = await readyReplicas(watcher, leases, notes, since);
    const isReady = new Set(ready);
    const all = version >= 0 && awaited.every(({ name }) => isReady.has(name));
    if (all || performance.now() > deadline || signal.aborted) return { ready, all };
    await delay(pollIntervalMs + perReplicaMs * desired.length);
  }
}

async function readyReplicas(
  watcher: RingWatcher,
  leases: LeaseReader,
  notes: SleepNotes,
  since: number,
): Promise<string[]> {
  const names = watcher.ring.members.map(({ name }) => name);
  const [read, asleep] = await Promise.all([leases.readReadable(names), notes.readAll(names)]);
  return names.filter((name) => {
    const lease = read.get(name);
    const isServing = lease?.state === 'ready' && lease.started >= since;
    return isServing || asleep.get(name)?.waking === false;
  });
}
