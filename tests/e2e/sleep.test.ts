import { readFile } from 'node:fs/promises';
import type { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { parseLease } from '#shared/contract/lease.ts';
import type { RingView } from '#shared/contract/ring-view.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import { openAdmin, testKeys } from '../fixtures/several-servers.ts';

const scratch = useScratch();
const keys = testKeys();
const wait = { timeout: 30_000 };

async function states(url: string): Promise<string[]> {
  const ring = (await (await fetch(`${url}/-/ring`)).json()) as RingView; // as the route answers
  return ring.replicas.map(
    ({ name, state, inRing }) => `${name} ${state}${inRing ? '' : ', not in the ring'}`,
  );
}

const generations = async (redis: Redis): Promise<(string | null)[]> =>
  Promise.all(['S1', 'S2'].map((name) => redis.get(keys.generation(name))));

const statuses = async (url: string, count: number, method: string): Promise<number[]> =>
  Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const headers = { 'ringpost-key': String(at) };
      const answer = await fetch(`${url}/home`, { method, headers });
      return answer.status;
    }),
  );

it('replicas sleep over a restart of the system and of Redis, and start after a loss of all data', async () => {
  const own = await ownRedis();
  const { startReady } = await scratch();
  const settings = {
    REDIS_URL: own.url,
    REPLICAS: '2',
    HANDLER: handlerFile('ledger'),
    LEDGER: `${own.directory}/ledger`,
    LEASE_MS: '600',
    SLEEP_AFTER_S: '1',
  };
  const both = ['S1 asleep', 'S2 asleep'];
  const first = await startReady(settings);
  await expect.poll(() => states(first.url), wait).toEqual(both);
  first.kill('SIGTERM');
  await first.exited;

  const second = await startReady(settings);
  expect(second.replicas).toEqual(['S1', 'S2']);
  await expect.poll(() => states(second.url), wait).toEqual(both);
  expect(await generations(own.redis)).toEqual(['1', '1']);
  // Redis writes its file once a second.
  await own.redis.call('WAITAOF', '1', '0', '5000').catch(() => own.redis.bgsave());
  await own.kill();
  await own.restart();
  await expect.poll(() => states(second.url).catch(() => []), wait).toEqual(both);
  expect(new Set(await statuses(second.url, 20, 'GET'))).toEqual(new Set([200]));
  expect(await generations(own.redis)).toEqual(['2', '2']);

  await expect.poll(() => states(second.url), wait).toEqual(both);
  await own.redis.flushall();
  await expect.poll(() => states(second.url).catch(() => []), wait).toEqual(['S1 ready', 'S2 ready']);
  expect(new Set(await statuses(second.url, 20, 'POST'))).toEqual(new Set([200]));
});

it('a worker that wakes uses less than a second of processor time until it has answered', async () => {
  const { startReady } = await scratch();
  const { url, redisUrl } = await startReady({ REPLICAS: '1', LEASE_MS: '600', SLEEP_AFTER_S: '1' });
  const redis = openAdmin(redisUrl);
  try {
    await expect.poll(() => states(url), wait).toEqual(['S1 asleep']);
    await expect.poll(() => redis.exists(keys.lease('S1')), wait).toBe(0);
    const asked = performance.now();
    expect((await fetch(`${url}/home`)).status).toBe(200);
    const tookMs = Math.round(performance.now() - asked);
    const pid = parseLease((await redis.get(keys.lease('S1'))) ?? '')?.pid ?? 0;
    const cpuMs = await processorTimeMs(pid);
    console.log(`woken and answered in ${tookMs} ms, with ${cpuMs ?? 'unknown'} ms of processor time`);
    expect(cpuMs ?? 0).toBeLessThan(1000);
  } finally {
    redis.disconnect();
  }
});

/** @returns undefined if the system does not say. */
async function processorTimeMs(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The fields after the command's name, whose ticks are hundredths of a second.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) * 10;
}
