import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, inject, it, onTestFinished } from 'vitest';
import { startPrivateRedis } from '../../gateway/redis/private-redis.ts';
import type { PrivateRedis } from '../../gateway/redis/private-redis.ts';
import { useSystem } from '../fixtures/system.ts';
import { eventually, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

/** Starts a Redis for this test alone, so that the test may break it. */
async function ownRedis(): Promise<PrivateRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'ringpost-refusing-'));
  const own = await startPrivateRedis({
    directory: join(directory, 'redis'),
    binary: inject('redisBinary'),
    portFrom: randomInt(12_000, 30_000),
    log: () => undefined,
  });
  onTestFinished(async () => {
    await own.stop();
    await rm(directory, { recursive: true });
  });
  return own;
}

it.each([
  ['refuses writes', ['min-replicas-to-write', '1'], ['min-replicas-to-write', '0']],
  ['is full', ['maxmemory', '1mb'], ['maxmemory', '0']],
] as const)(
  'delivers the answers to work done while Redis %s, once Redis accepts writes again',
  async (_, refuse, accept) => {
    const own = await ownRedis();
    const { url, stop } = await system().start({
      REDIS_URL: own.url,
      REPLICAS: '1',
      HANDLER: workers.handler,
      LEDGER: workers.ledger(),
    });
    const redis = new Redis(own.url);
    const ask = (method: string, path: string): Promise<Response> =>
      fetch(`${url}/${path}?ms=400`, { method });
    const asked = [ask('POST', 'post'), ask('GET', 'get')];
    await eventually(async () => (await workers.runs()).length === 2);
    await redis.config('SET', ...refuse);
    await delay(1500);
    await redis.config('SET', ...accept);
    const back = performance.now();
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200]);
    expect(performance.now() - back).toBeLessThan(2000);
    expect(await workers.runs()).toHaveLength(2);
    redis.disconnect();
    await stop();
  },
);
