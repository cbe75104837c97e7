import { randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { createKeys } from '#shared/store/keys/keys.ts';
import { urlOfUser } from '#shared/store/redis/redis-users.ts';
import { checkRedis } from '#shared/store/redis/check-redis.ts';
import { spawnTethered } from '#shared/process/tethered.ts';
import type { TetheredProcess } from '#shared/process/tethered.ts';
import { projectFolder, runCommand } from '../fixtures/command.ts';

const keys = createKeys('ringpost');
const port = randomInt(12_000, 30_000);
const url = `redis://127.0.0.1:${port}`;
let folder = '';
let server: TetheredProcess | undefined;
const opened: Redis[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringpost-secrets-'));
});

afterEach(async () => {
  for (const redis of opened.splice(0)) redis.disconnect();
  await server?.stop({ graceMs: 5000 });
  await rm(folder, { recursive: true, force: true });
});

/** Runs the script of the service `redis-users`. @returns its output. */
async function writeSecrets(): Promise<string> {
  const script = join(projectFolder, 'gateway', 'redis', 'write-service-secrets.ts');
  const command = runCommand(process.execPath, [script, folder, url], {});
  expect((await command.exited).code, command.stderr()).toBe(0);
  return command.stdout();
}

const textOf = async (...path: string[]): Promise<string> =>
  (await readFile(join(folder, ...path), 'utf8')).trim();

function open(as: string): Redis {
  const redis = new Redis(as, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
  redis.on('error', () => undefined);
  opened.push(redis);
  return redis;
}

/** Starts Redis as the compose file does. @returns a connection of the administrator, once it answers. */
async function startRedis(): Promise<Redis> {
  const settings = ['--port', String(port), '--dir', folder, '--save', '', '--appendonly', 'yes'];
  const users = ['--aclfile', join(folder, 'redis', 'users.acl'), '--maxmemory-policy', 'noeviction'];
  server = spawnTethered(inject('redisBinary'), [...settings, ...users], {
    env: {},
    stdout: 'ignore',
    stderr: 'ignore',
    onParentDeath: 'SIGKILL',
  });
  const admin = open(urlOfUser(url, 'admin', await textOf('redis', 'admin-password')));
  await admin.ping();
  return admin;
}

it('each role logs in with its own file, and nobody without one', async () => {
  await writeSecrets();
  await startRedis();
  await checkRedis(await textOf('gateway', 'redis-url'), ['gateway'], 'ringpost');
  await checkRedis(await textOf('controller', 'redis-url'), ['controller'], 'ringpost');
  const worker = open(await textOf('controller', 'worker-redis-url'));
  expect(await worker.set(keys.lease('S1'), '{}')).toBe('OK');
  await expect(worker.set(keys.desired, '{}')).rejects.toThrow('NOPERM');
  await expect(checkRedis(url)).rejects.toThrow('Redis asks for a user and a password');
  await expect(checkRedis(urlOfUser(url, 'worker', 'guessed'))).rejects.toThrow('knows no user worker');
});

it('only root, and the group of the service, can read the files', async () => {
  await writeSecrets();
  const modeOf = async (...path: string[]): Promise<string> =>
    ((await stat(join(folder, ...path))).mode & 0o777).toString(8);
  const shared = process.getuid?.() === 0 ? '640' : '600';
  expect([await modeOf('redis', 'users.acl'), await modeOf('gateway', 'redis-url')]).toEqual([
    shared,
    shared,
  ]);
  expect([await modeOf('redis', 'admin-password'), await modeOf('controller', 'redis-url')]).toEqual([
    '600',
    '600',
  ]);
});

it('writes of transactions and scripts survive a restart', async () => {
  await writeSecrets();
  await startRedis();
  const gateway = open(await textOf('gateway', 'redis-url'));
  await gateway.multi().set(keys.lease('S1'), 'transaction').rpush(keys.inbox('S1', 'g'), 'frame').exec();
  const script = "redis.call('SET', KEYS[1], 'script') return redis.call('HSET', KEYS[2], 'S1', 'x')";
  await gateway.eval(script, 2, keys.lease('S2'), keys.desired);
  await server?.stop({ graceMs: 5000 });
  const admin = await startRedis();
  const kept = [admin.get(keys.lease('S1')), admin.llen(keys.inbox('S1', 'g')), admin.get(keys.lease('S2'))];
  expect(await Promise.all([...kept, admin.hgetall(keys.desired)])).toEqual([
    'transaction',
    1,
    'script',
    { S1: 'x' },
  ]);
});

it('passwords stay; a lost one is made again, and a running Redis loads it', async () => {
  await writeSecrets();
  await startRedis();
  const before = [await textOf('gateway', 'redis-url'), await textOf('redis', 'users.acl')];
  expect(await writeSecrets()).toContain('as they were');
  expect([await textOf('gateway', 'redis-url'), await textOf('redis', 'users.acl')]).toEqual(before);
  const controller = await textOf('controller', 'redis-url');
  await rm(join(folder, 'gateway'), { recursive: true });
  expect(await writeSecrets()).toContain('Redis has loaded them');
  const now = await textOf('gateway', 'redis-url');
  expect(now).not.toBe(before[0]);
  await checkRedis(now);
  await checkRedis(controller);
  await expect(checkRedis(before[0] ?? '')).rejects.toThrow('knows no user gateway');
});
