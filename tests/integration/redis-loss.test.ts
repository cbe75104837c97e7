import { randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Lease } from '#shared/contract/lease.ts';
import { startPrivateRedis } from '../../gateway/redis/private-redis.ts';
import type { PrivateRedis } from '../../gateway/redis/private-redis.ts';
import { testUsers } from '../fixtures/redis-users.ts';
import { useSystem } from '../fixtures/system.ts';

const handler = fileURLToPath(new URL('../fixtures/handlers/ledger.ts', import.meta.url));
const system = useSystem();

let directory: string;
let ledger: string;
const servers: PrivateRedis[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ringpost-loss-'));
  ledger = join(directory, 'ledger');
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
  await rm(directory, { recursive: true });
});

const runs = async (): Promise<string[]> =>
  (await readFile(ledger, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

describe('a reply that was lost with the inbox connection', () => {
  it('does not make a GET time out, and leaves no POST without an answer', async () => {
    const { redis, namespace, start } = system();
    const { url } = await start({ REPLICAS: '2', HANDLER: handler, LEDGER: ledger });
    const asked = Array.from({ length: 400 }, async (_, at) => {
      await new Promise((resolve) => setTimeout(resolve, at * 5));
      const method = at % 2 === 0 ? 'GET' : 'POST';
      const response = await fetch(`${url}/r${at}?ms=${at % 20}`, {
        method,
        signal: AbortSignal.timeout(8000),
      });
      await response.arrayBuffer();
      return `${method} ${response.status}`;
    });
    const until = Date.now() + 2000;
    while (Date.now() < until) {
      const clients = String(await redis.client('LIST')).split('\n');
      const inbox = clients.find(
        (line) => line.includes(`name=${namespace}:gateway:`) && line.includes(':inbox '),
      );
      const id = /^id=(\d+)/.exec(inbox ?? '')?.[1];
      if (id !== undefined) await redis.call('CLIENT', 'KILL', 'ID', id).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const answers = await Promise.all(asked);
    expect(answers.filter((answer) => answer.startsWith('GET') && answer !== 'GET 200')).toEqual([]);
    expect(answers.filter((answer) => answer.startsWith('POST') && !/^POST (200|502)$/.test(answer))).toEqual(
      [],
    );
    const posts = (await runs()).filter((line) => line.startsWith('POST'));
    expect(new Set(posts.map((line) => line.split(' ')[1])).size).toBe(posts.length);
  });
});

describe('a Redis that loses all its data', () => {
  it('leaves no request unanswered, and the ring is restored', async () => {
    const own = await startPrivateRedis({
      directory: join(directory, 'redis'),
      binary: inject('redisBinary'),
      portFrom: randomInt(12_000, 30_000),
      log: () => undefined,
    });
    servers.push(own);
    const { url, stop } = await system().start({
      REDIS_URL: own.url,
      REPLICAS: '1',
      HANDLER: handler,
      LEDGER: ledger,
      CONCURRENCY: '1',
    });
    const ask = async (method: string, path: string): Promise<number> =>
      (await fetch(`${url}/${path}?ms=1000`, { method, signal: AbortSignal.timeout(20_000) })).status;
    const redis = new Redis(own.url);
    const { wait } = system().keys.unfinished('S1');
    const running = ask('GET', 'a');
    await expect.poll(async () => (await runs()).length).toBe(1);
    const asked = [running, ask('GET', 'b'), ask('POST', 'c'), ask('GET', 'd')];
    await expect.poll(async () => redis.llen(wait)).toBe(3);
    await redis.flushall();
    redis.disconnect();
    expect(await Promise.all(asked)).toEqual([200, 200, 502, 200]);
    expect((await runs()).filter((line) => line.startsWith('POST')).length).toBeLessThanOrEqual(1);
    await expect.poll(async () => ask('GET', 'next')).toBe(200);
    await stop();
  });
});

describe('a Redis that is killed and comes back', () => {
  it('means 503 with Retry-After at once, and service within 2 s of its return', async () => {
    const port = randomInt(12_000, 30_000);
    const startOwn = async (): Promise<PrivateRedis> => {
      const own = await startPrivateRedis({
        directory: join(directory, 'redis'),
        binary: inject('redisBinary'),
        portFrom: port,
        users: testUsers(system().namespace),
        log: () => undefined,
      });
      servers.push(own);
      return own;
    };
    const first = await startOwn();
    const { url, stop } = await system().start({ REDIS_URL: first.url, REPLICAS: '2' });
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    const asked = performance.now();
    const answer = await fetch(`${url}/home`);
    expect(performance.now() - asked).toBeLessThan(1000);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.json()).toMatchObject({ code: 'redis_away' });
    expect((await fetch(`${url}/-/ready`)).status).toBe(503);
    expect((await fetch(`${url}/-/live`)).status).toBe(200);
    expect((await fetch(`${url}/rep`)).status).toBe(503);
    const second = await startOwn();
    expect(second.url).toBe(first.url);
    const back = performance.now();
    await expect
      .poll(async () => (await fetch(`${url}/home`)).status, { timeout: 10_000, interval: 20 })
      .toBe(200);
    expect(performance.now() - back).toBeLessThan(2000);
    expect(await (await fetch(`${url}/rep`)).json()).toMatchObject({ message: { replicas: ['S1', 'S2'] } });
    await stop();
  });
});

describe('a Redis that is full for longer than a lease', () => {
  it('means 503, kills no worker, and serves again as soon as it has room', async () => {
    const own = await startPrivateRedis({
      directory: join(directory, 'redis'),
      binary: inject('redisBinary'),
      portFrom: randomInt(12_000, 30_000),
      log: () => undefined,
    });
    servers.push(own);
    const { url, stop } = await system().start({ REDIS_URL: own.url, REPLICAS: '2', LEASE_MS: '900' });
    const redis = new Redis(own.url);
    const { keys } = system();
    const pids = async (): Promise<unknown[]> =>
      Promise.all(
        ['S1', 'S2'].map(
          async (name) => (JSON.parse((await redis.get(keys.lease(name))) ?? '{}') as Lease).pid,
        ),
      );
    const before = await pids();
    await redis.config('SET', 'maxmemory', '1mb');
    const until = performance.now() + 2500;
    while (performance.now() < until) {
      const answer = await fetch(`${url}/home`);
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      await answer.arrayBuffer();
    }
    await redis.config('SET', 'maxmemory', '0');
    const back = performance.now();
    await expect
      .poll(async () => (await fetch(`${url}/home`)).status, { timeout: 10_000, interval: 20 })
      .toBe(200);
    expect(performance.now() - back).toBeLessThan(2000);
    await expect.poll(pids).toEqual(before);
    redis.disconnect();
    await stop();
  });
});
