import { execFileSync } from 'node:child_process';
import type { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import type { Lease } from '#shared/contract/lease.ts';
import { expectAllAnswered, startLoad } from '../fixtures/load.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { openAdmin, testKeys } from '../fixtures/several-servers.ts';

const scratch = useScratch();

interface Footprint {
  /** Bytes of the stored data, without the buffers of connections and of the append-only file. */
  readonly dataset: number;
  readonly used: number;
  readonly keys: string[];
}

async function footprint(redis: Redis): Promise<Footprint> {
  await redis.call('MEMORY', 'PURGE');
  const info = await redis.info('memory');
  const of = (field: string): number => Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1]);
  return {
    dataset: of('used_memory_dataset'),
    used: of('used_memory'),
    // Without the wake-up keys of reply readers, which come and go by themselves.
    keys: (await redis.keys('*')).filter((key) => !key.includes(':wake:')).toSorted(),
  };
}

it('Redis holds as much after 100,000 finished requests as after 1,000', { timeout: 300_000 }, async () => {
  const { startReady } = await scratch();
  const { url, redisUrl } = await startReady();
  const redis = openAdmin(redisUrl);
  try {
    const run = async (amount: number): Promise<Footprint> => {
      const result = await startLoad({ url: `${url}/home`, connections: 64, amount }).finished;
      expectAllAnswered(result, amount);
      return await footprint(redis);
    };
    const few = await run(1000);
    const many = await run(99_000);
    console.log(
      `Redis after 1,000 requests: ${few.dataset} bytes of data (${few.used} in all), ` +
        `${few.keys.length} keys; after 100,000: ${many.dataset} (${many.used}), ${many.keys.length} keys`,
    );
    expect(many.keys).toEqual(few.keys);
    expect(many.dataset - few.dataset).toBeLessThan(256 * 1024);
  } finally {
    redis.disconnect();
  }
});

/** @returns the resident memory of a process, in MiB. */
function residentMb(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)])) / 1024;
}

/** The limit that docs/limits.md states for a worker with small requests. */
const workerBoundMb = 256;

it(
  `a worker stays below ${workerBoundMb} MiB during 120,000 mixed requests`,
  { timeout: 300_000 },
  async () => {
    const { startReady } = await scratch();
    const { url, redisUrl } = await startReady({ REPLICAS: '1', RESULT_TTL_S: '10' });
    const redis = openAdmin(redisUrl);
    // The worker wrote it.
    const { pid } = JSON.parse((await redis.get(testKeys().lease('S1'))) ?? '') as Lease;
    redis.disconnect();
    let count = 0;
    const kinds: (() => Record<string, string>)[] = [
      () => ({}),
      () => ({ 'ringpost-retry': 'never' }),
      // The worker must not keep anything of these until their deadline in 24 days.
      () => ({ 'ringpost-retry': 'never', prefer: 'respond-async', 'ringpost-deadline': '2147483647' }),
      () => ({ 'ringpost-order': 'key', 'ringpost-key': `k${(count += 1) % 64}` }),
    ];
    const amount = 30_000;
    const seen: number[] = [];
    const timer = setInterval(() => seen.push(residentMb(pid)), 500);
    const loads = kinds.map((headers) => startLoad({ url: `${url}/home`, connections: 16, amount, headers }));
    for (const { finished } of loads) expectAllAnswered(await finished, amount);
    clearInterval(timer);
    const most = Math.round(Math.max(...seen));
    console.log(`the worker had ${Math.round(seen[0] ?? 0)} MiB at first, ${most} at most`);
    expect(most).toBeLessThan(workerBoundMb);
  },
);
