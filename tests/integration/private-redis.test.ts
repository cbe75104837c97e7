import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { startPrivateRedis, type PrivateRedis } from '../../gateway/redis/private-redis.ts';
import { probe } from '../../gateway/redis/probe.ts';

const binary = inject('redisBinary');
const started: PrivateRedis[] = [];
let root: string;
let directory: string;
let portFrom: number;
let lines: string[];

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'ringpost-private-')));
  directory = join(root, 'state', 'redis');
  lines = [];
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  portFrom = typeof address === 'object' && address !== null ? address.port : 0;
  server.close();
});

afterEach(async () => {
  const ours = started.splice(0);
  await Promise.all(ours.map((redis) => redis.stop()));
  for (const redis of ours) assert.equal(await probe(redis.port), 'free');
  await rm(root, { recursive: true });
});

const options = () => ({ directory, binary, portFrom, log: (line: string) => void lines.push(line) });

async function start(): Promise<PrivateRedis> {
  const redis = await startPrivateRedis(options());
  started.push(redis);
  return redis;
}

async function ask<T>(port: number, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ port, host: '127.0.0.1' });
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

/** Another ringpost process that runs its Redis in the directory. */
async function otherProcess() {
  const script = `
    import { startPrivateRedis } from ${JSON.stringify(new URL('../../gateway/redis/private-redis.ts', import.meta.url).href)};
    const redis = await startPrivateRedis({ ...${JSON.stringify(options())}, log: console.error });
    console.log(redis.pid, redis.port);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(parent.stdout, 'data');
  const [pid = 0, port = 0] = String(line).split(' ').map(Number);
  return { parent, pid, port };
}

async function portIsFree(port: number, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    if ((await probe(port)) === 'free') return true;
    await delay(10);
  }
  return false;
}

test('serves from its own directory, on loopback, durable, evicting nothing', async () => {
  const redis = await start();
  expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`);
  for (const [name, value] of [
    ['dir', directory],
    ['bind', '127.0.0.1'],
    ['appendonly', 'yes'],
    ['appendfsync', 'everysec'],
    ['maxmemory-policy', 'noeviction'],
    ['save', ''],
  ] as const)
    expect(await ask(redis.port, (client) => client.config('GET', name))).toEqual([name, value]);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
});

test('what was stored is there again after a stop and a start', async () => {
  const first = await start();
  await ask(first.port, (client) => client.set('kept', 'yes'));
  await Promise.all([first.stop(), first.stop()]);
  expect(await first.exited).toEqual({ code: 0, signal: null });
  expect(await readdir(directory)).not.toContain('ringpost.lock');
  const second = await start();
  expect(await ask(second.port, (client) => client.get('kept'))).toBe('yes');
  expect(lines).toEqual([]);
});

test('a second one in the same directory is refused, and told how to join', async () => {
  const redis = await start();
  const sentence =
    `another ringpost already runs its Redis in ${directory} (pid ${redis.pid}); ` +
    `to join it set REDIS_URL=redis://127.0.0.1:${redis.port}`;
  await expect(startPrivateRedis(options())).rejects.toThrow(sentence);
  await symlink(directory, join(root, 'link'));
  await expect(startPrivateRedis({ ...options(), directory: join(root, 'link') })).rejects.toThrow(sentence);
  expect(await ask(redis.port, (client) => client.ping())).toBe('PONG');
});

test('one of two that start at once in the same directory is refused', async () => {
  const outcomes = await Promise.allSettled([start(), start(), start()]);
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected', 'rejected']);
});

test('a Redis in use by another process is refused, and ends when that process is killed', async () => {
  const { parent, pid, port } = await otherProcess();
  await expect(start()).rejects.toThrow(`(pid ${pid}); to join it set REDIS_URL=redis://127.0.0.1:${port}`);
  parent.kill('SIGKILL');
  expect(await portIsFree(port, 2000)).toBe(true);
});

test('the next start waits for the Redis of a killed process, then has its data', async () => {
  const { parent, port } = await otherProcess();
  await ask(port, (client) => client.set('kept', 'yes'));
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  const redis = await start();
  expect(await ask(redis.port, (client) => client.get('kept'))).toBe('yes');
});

test('a killed Redis frees its directory for the same process', async () => {
  const first = await start();
  process.kill(first.pid, 'SIGKILL');
  expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await start();
});

test.each([
  ['a lock of the same pid before a restart', () => ({ token: 'x', owner: process.pid })],
  ['a lock whose pids are others now', (port: number) => ({ token: 'x', owner: 1, redis: { pid: 1, port } })],
  ['a lock of which nothing can be read', () => 'rubbish'],
])('%s is stale', async (_, lock) => {
  await (await startPrivateRedis(options())).stop();
  await writeFile(join(directory, 'ringpost.lock'), JSON.stringify(lock(portFrom)));
  await start();
  expect(lines).toEqual([]);
});

test('the next port is taken when one is in use, be it by another Redis', async () => {
  const first = await start();
  directory = join(root, 'second');
  const second = await start();
  expect(second.port).toBeGreaterThan(first.port);
  expect(await ask(second.port, (client) => client.config('GET', 'dir'))).toEqual(['dir', directory]);
});

test('a Redis that cannot start is told with the end of its log', async () => {
  await (await startPrivateRedis(options())).stop();
  await rm(join(directory, 'appendonlydir'), { recursive: true });
  await writeFile(join(directory, 'appendonlydir'), 'in the way');
  await expect(start()).rejects.toThrow(
    /Redis ended with 1 at the start; its log .*redis\.log ends:\n.*append/s,
  );
  await rm(join(directory, 'appendonlydir'));
  await start();
});
