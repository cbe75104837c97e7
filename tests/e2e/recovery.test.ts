import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import type { Lease } from '#shared/contract/lease.ts';
import { createKeys } from '#shared/keys.ts';
import { createRing, defaultParameters } from '#shared/ring/strategies.ts';
import { useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();
const kills = 20;

it('a killed replica answers again under its name within a second', { timeout: 300_000 }, async () => {
  const { startReady } = await scratch();
  const { url, redisUrl, replicas } = await startReady();
  const redis = new Redis(redisUrl);
  const keys = createKeys('ringpost');
  const leaseOf = async (name: string): Promise<Lease | undefined> => {
    const json = await redis.get(keys.lease(name));
    return json === null ? undefined : (JSON.parse(json) as Lease); // only workers write it
  };
  const ring = createRing(
    defaultParameters('murmur3', {}),
    replicas.map((name, at) => ({ name, joined: at + 1, weight: 1 })),
  );
  /** A key of each replica. */
  const keyOf = (name: string): string => {
    for (let at = 0; ; at += 1) if (ring.owner(`key-${at}`) === name) return `key-${at}`;
  };
  const times: number[] = [];
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      const name = replicas[Math.floor(Math.random() * replicas.length)] ?? '';
      const before = await leaseOf(name);
      expect(before?.state).toBe('ready');
      const killed = performance.now();
      process.kill(before?.pid ?? Number.NaN, 'SIGKILL');
      // It waits in the queue of the replica until that has a worker again.
      const response = await fetch(`${url}/home`, { headers: { 'ringpost-key': keyOf(name) } });
      times.push(performance.now() - killed);
      expect(response.status).toBe(200);
      expect(response.headers.get('ringpost-replica')).toBe(name);
      // Ready for the next one, with the controller's knowledge.
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
