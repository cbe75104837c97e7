import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest';
import { startPrivateRedis, type PrivateRedis } from '../../gateway/redis/private-redis.ts';
import { probe } from '../../gateway/redis/probe.ts';
import { redisPassword } from '../../gateway/redis/redis-password.ts';

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

async function ask<T>({ url }: { readonly url: string }, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  redis.on('error', () => undefined);
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

/** Starts another ringpost process that runs its Redis in the directory. */
async function otherProcess() {
  const module = new URL('../../gateway/redis/private-redis.ts', import.meta.url).href;
  const script = `
    import { startPrivateRedis } from ${JSON.stringify(module)};
    const redis = await startPrivateRedis({ ...${JSON.stringify(options())}, log: console.error });
    console.log(redis.pid, redis.port, redis.url);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(parent.stdout, 'data');
  const [pid = '', port = '', url = ''] = String(line).trim().split(' ');
  return { parent, pid: Number(pid), port: Number(port), url };
}

/** Resolves when a stream contains a text. */
async function untilSaid(from: Readable, text: string): Promise<void> {
  let said = '';
  for await (const chunk of from.iterator({ destroyOnReturn: false })) {
    said += String(chunk);
    if (said.includes(text)) return;
  }
  throw new Error(`it ended before it said ${text}: ${said}`);
}

async function portIsFree(port: number, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    if ((await probe(port)) === 'free') return true;
    await delay(10);
  }
  return false;
}

test('serves from its own directory on loopback, durably, and never evicts', async () => {
  const redis = await start();
  expect(redis.url).toMatch(new RegExp(`^redis://:[\\w-]{43}@127\\.0\\.0\\.1:${redis.port}$`));
  for (const [name, value] of [
    ['dir', directory],
    ['bind', '127.0.0.1'],
    ['appendonly', 'yes'],
    ['appendfsync', 'everysec'],
    ['maxmemory-policy', 'noeviction'],
    ['save', ''],
  ] as const)
    expect(await ask(redis, (client) => client.config('GET', name))).toEqual([name, value]);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
});

test('stored data survives a stop and a start', async () => {
  const first = await start();
  await ask(first, (client) => client.set('kept', 'yes'));
  await Promise.all([first.stop(), first.stop()]);
  expect(await first.exited).toEqual({ code: 0, signal: null });
  expect(await readdir(directory)).not.toContain('ringpost.lock');
  const second = await start();
  expect(await ask(second, (client) => client.get('kept'))).toBe('yes');
  expect(lines).toEqual([]);
});

test('a second Redis in the same directory is refused, and the error says how to join', async () => {
  const redis = await start();
  const sentence =
    `another ringpost already runs its Redis in ${directory} (pid ${redis.pid}); ` +
    `to join it set REDIS_URL="redis://:$(cat '${directory}-password')@127.0.0.1:${redis.port}"`;
  await expect(startPrivateRedis(options())).rejects.toThrow(sentence);
  await symlink(directory, join(root, 'link'));
  await expect(startPrivateRedis({ ...options(), directory: join(root, 'link') })).rejects.toThrow(sentence);
  expect(await ask(redis, (client) => client.ping())).toBe('PONG');
});

test('only one of several starts at once in the same directory succeeds', async () => {
  const outcomes = await Promise.allSettled([start(), start(), start()]);
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected', 'rejected']);
});

test('a Redis in use by another process is refused, and ends when that process is killed', async () => {
  const { parent, pid, port } = await otherProcess();
  await expect(start()).rejects.toThrow(`(pid ${pid}); to join it set REDIS_URL=`);
  parent.kill('SIGKILL');
  expect(await portIsFree(port, 2000)).toBe(true);
});

test('the next start waits for the Redis of a killed process, then has its data', async () => {
  const { parent, url } = await otherProcess();
  await ask({ url }, (client) => client.set('kept', 'yes'));
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  const redis = await start();
  expect(await ask(redis, (client) => client.get('kept'))).toBe('yes');
});

test('a killed Redis frees its directory for the same process', async () => {
  const first = await start();
  process.kill(first.pid, 'SIGKILL');
  expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await start();
});

test.each([
  ['a lock with the same pid from before a restart', () => ({ token: 'x', owner: process.pid })],
  [
    'a lock whose pids belong to other processes now',
    (port: number) => ({ token: 'x', owner: 1, redis: { pid: 1, port } }),
  ],
  ['an unreadable lock', () => 'rubbish'],
])('%s is stale', async (_, lock) => {
  await (await startPrivateRedis(options())).stop();
  await writeFile(join(directory, 'ringpost.lock'), JSON.stringify(lock(portFrom)));
  await start();
  expect(lines).toEqual([]);
});

test('the next port is used if one is taken, even by another Redis', async () => {
  const first = await start();
  directory = join(root, 'second');
  const second = await start();
  expect(second.port).toBeGreaterThan(first.port);
  expect(await ask(second, (client) => client.config('GET', 'dir'))).toEqual(['dir', directory]);
});

test('the error of a Redis that cannot start includes the end of its log', async () => {
  await (await startPrivateRedis(options())).stop();
  await rm(join(directory, 'appendonlydir'), { recursive: true });
  await writeFile(join(directory, 'appendonlydir'), 'in the way');
  await expect(start()).rejects.toThrow(
    /Redis ended with 1 at the start; its log .*redis\.log ends:\n.*append/s,
  );
  await rm(join(directory, 'appendonlydir'));
  await start();
});

test('its password is random, stored in a file of this user, and on no command line', async () => {
  const first = await start();
  const password = await readFile(`${directory}-password`, 'utf8');
  expect(password).toMatch(/^[\w-]{43}\n$/);
  expect(first.url).toContain(`:${password.trim()}@`);
  expect((await stat(`${directory}-password`)).mode & 0o777).toBe(0o600);
  expect(execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' })).not.toContain(password.trim());
  await expect(
    ask({ url: `redis://127.0.0.1:${first.port}` }, (client) => client.get('key')),
  ).rejects.toThrow('NOAUTH');
  await first.stop();
  expect((await start()).url).toContain(`:${password.trim()}@`);
  const others = await readdir(join(root, 'state'));
  expect(others.toSorted()).toEqual(['redis', 'redis-password']);
});

test('several starts at once make one password', async () => {
  await mkdir(join(root, 'state'));
  const file = `${directory}-password`;
  const made = new Set(await Promise.all(Array.from({ length: 20 }, () => redisPassword(file))));
  expect([...made]).toEqual([(await readFile(file, 'utf8')).trim()]);
});

test('a file without a valid password is named, and its content is not shown', async () => {
  await mkdir(join(root, 'state'));
  await writeFile(`${directory}-password`, 'short');
  await expect(start()).rejects.toThrow(
    `${directory}-password has no password of the private Redis; delete it, and a new one is made`,
  );
});

test('a start waits for a Redis without a password that an earlier release left', async () => {
  await mkdir(directory, { recursive: true });
  const args = ['--port', String(portFrom), '--bind', '127.0.0.1', '--dir', directory, '--save', ''];
  const old = spawn(binary, [...args, '--appendonly', 'yes'], { stdio: ['ignore', 'pipe', 'ignore'] });
  await untilSaid(old.stdout, 'Ready to accept connections');
  const url = `redis://127.0.0.1:${portFrom}`;
  await ask({ url }, (client) => client.set('kept', 'yes'));
  const lock = { token: 'x', owner: 2 ** 22 + 1, redis: { pid: old.pid, port: portFrom } };
  await writeFile(join(directory, 'ringpost.lock'), JSON.stringify(lock));
  const starting = start();
  await vi.waitUntil(() => lines.length > 0);
  old.kill('SIGTERM');
  const redis = await starting;
  expect(lines).toEqual([`waiting for an earlier ringpost's Redis in ${directory}`]);
  expect(await ask(redis, (client) => client.get('kept'))).toBe('yes');
  await expect(
    ask({ url: `redis://127.0.0.1:${redis.port}` }, (client) => client.get('kept')),
  ).rejects.toThrow('NOAUTH');
});

test("another user's program on its port never gets the password", async () => {
  let heard = '';
  const listener = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      heard += String(chunk);
      socket.write('-NOAUTH Authentication required.\r\n+OK\r\n'.repeat(2));
    });
  }).listen(portFrom, '127.0.0.1');
  await once(listener, 'listening');
  try {
    const first = await start();
    expect(first.port).toBeGreaterThan(portFrom);
    await first.stop();
    // A leftover lock names the port on which the other program listens now.
    const lock = { token: 'x', owner: 2 ** 22 + 1, redis: { pid: process.pid, port: portFrom } };
    await writeFile(join(directory, 'ringpost.lock'), JSON.stringify(lock));
    await start();
    expect(heard).toContain('PING');
    expect(heard).not.toContain((await readFile(`${directory}-password`, 'utf8')).trim());
  } finally {
    listener.close();
  }
});
