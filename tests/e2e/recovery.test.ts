import { expect, it } from 'vitest';
import type { Lease } from '#shared/contract/lease.ts';
import { createRing, defaultParameters } from '#shared/ring/strategies.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { openAdmin, testKeys } from '../fixtures/several-servers.ts';

const scratch = useScratch();
const kills = 20;

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

it('a killed replica answers again under its name within a second', { timeout: 300_000 }, async () => {
  const { startReady } = await scratch();
  const { url, redisUrl } = await startReady({
    REPLICAS: '1',
    ADD_TIMEOUT_MS: '60000',
    START_TIMEOUT_MS: '60000',
  });
  // Each replica is killed once: a second death within 30 s would count as a crash loop, which backs off.
  const added = await fetch(`${url}/add`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ n: kills - 1 }),
  });
  expect(added.status).toBe(200);
  const { message } = (await added.json()) as { message: { replicas: string[] } };
  const { replicas } = message;
  expect(replicas).toHaveLength(kills);
  const redis = openAdmin(redisUrl);
  const keys = testKeys();
  const leaseOf = async (name: string): Promise<Lease | undefined> => {
    const json = await redis.get(keys.lease(name));
    return json === null ? undefined : (JSON.parse(json) as Lease); // only workers write it
  };
  const ring = createRing(
    defaultParameters('murmur3', {}),
    replicas.map((name, at) => ({ name, joined: at + 1, weight: 1 })),
  );
  /** @returns a hash key that the replica owns. */
  const keyOf = (name: string): string => {
    for (let at = 0; ; at += 1) if (ring.owner(`key-${at}`) === name) return `key-${at}`;
  };
  const times: number[] = [];
  try {
    for (const name of shuffled(replicas)) {
      const before = await leaseOf(name);
      expect(before?.state).toBe('ready');
      const killed = performance.now();
      process.kill(before?.pid ?? Number.NaN, 'SIGKILL');
      // The request waits in the replica's queue until the replica has a worker again.
      const response = await fetch(`${url}/home`, { headers: { 'ringpost-key': keyOf(name) } });
      times.push(performance.now() - killed);
      expect(response.status).toBe(200);
      expect(response.headers.get('ringpost-replica')).toBe(name);
      // Wait until the controller's new worker is ready before the next kill.
      await expect
        .poll(async () => {
          const lease = await leaseOf(name);
          return lease?.state === 'ready' && lease.generation;
        })
        .toBe((before?.generation ?? 0) + 1);
    }
  } finally {
    redis.disconnect();
  }
  const sorted = times.toSorted((a, b) => a - b).map(Math.round);
  const median = sorted[Math.floor(kills / 2)] ?? Number.NaN;
  console.log(
    `kill -9 to the next answer: median ${median} ms, worst ${sorted.at(-1)} ms, all ${sorted.join(' ')}`,
  );
  expect(median).toBeLessThan(1000);
});
