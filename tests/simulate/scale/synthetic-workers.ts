import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '#shared/process/logger.ts';
import { ActiveJobs } from '#shared/store/queue/active-jobs.ts';
import { subscribeToCancellations } from '#shared/store/queue/cancellation-feed.ts';
import { DeliveryReader } from '#shared/store/queue/delivery-reader.ts';
import { MarkerWatch } from '#shared/store/queue/marker-watch.ts';
import { countReady } from '#shared/store/queue/replica-queue.ts';
import { AdoptionStore } from '#shared/store/lease/adoption-store.ts';
import { LeaseStore } from '#shared/store/lease/lease-store.ts';
import { keysOf, redisOf } from '#shared/store/redis/access.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { stagedLease } from '../../fixtures/staged-replicas.ts';

const log = createLogger('simulate', 'silent');
const leaseMs = 3000;

/**
 * Starts what an idle worker does in Redis, without its process: the same stores send the same commands as
 * often, on as many connections. A machine that measures has no memory for a thousand processes.
 * @returns a function that ends them.
 */
export async function startSyntheticWorkers(
  url: string,
  namespace: string,
  names: readonly string[],
): Promise<() => void> {
  const ends: (() => void)[] = [];
  for (const name of names) ends.push(await startOne(url, namespace, name));
  return () => {
    for (const end of ends) end();
  };
}

async function startOne(url: string, namespace: string, replica: string): Promise<() => void> {
  const open = (use: string): Connection =>
    openConnection({ url, namespace, name: `worker:${replica}:${use}`, use: 'patient' }, log);
  const [main, thread, messages] = [open('main'), open('lease'), open('cancellations')];
  await Promise.all([main.whenReady(), thread.whenReady(), messages.whenReady()]);
  await clockOf(main).measure();
  await subscribeToCancellations(messages, () => undefined);
  const store = new LeaseStore(thread);
  const holder = { replica, generation: 1, adopter: undefined };
  const lease = stagedLease(Date.now());
  const taken = await store.take(holder, lease, leaseMs);
  if (typeof taken === 'string') throw new Error(`the lease of ${replica} is ${taken}`);
  const { fence } = taken;
  const adoption = new AdoptionStore(main);
  const active = new ActiveJobs(main, replica);
  const reader = new DeliveryReader({
    connection: main,
    lease: { replica, fence },
    onRead: () => undefined,
    log,
  });
  reader.start();
  const marker: MarkerWatch = new MarkerWatch({
    connection: main,
    replica,
    hasFreeSlot: () => true,
    onMarker: () => marker.wait(),
    log,
  });
  marker.wait();
  const acts: readonly (() => Promise<unknown>)[] = [
    () => store.renew(holder, fence, lease, leaseMs),
    () => adoption.isRetired(replica),
    () => adoption.offered(),
    async () => {
      await active.count();
      await redisOf(main).scard(keysOf(main).streams(replica));
    },
    () => countReady(main, replica),
  ];
  const ended = new AbortController();
  for (const act of acts) void repeat(act, ended.signal);
  return () => {
    ended.abort();
    reader.stop();
    marker.stop();
    for (const connection of [main, thread, messages]) connection.close();
  };
}

/** Acts three times in the time of a lease, from a random moment on. Never rejects. */
async function repeat(act: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
  const everyMs = leaseMs / 3;
  try {
    await delay(Math.random() * everyMs, undefined, { signal });
    for (;;) {
      const begun = performance.now();
      await act();
      await delay(Math.max(0, begun + everyMs - performance.now()), undefined, { signal });
    }
  } catch {
    // It was ended.
  }
}
