import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findOrInstallRedis } from '../../gateway/redis/redis-binary.ts';
import { useDockerSystem } from '../fixtures/docker-system.ts';
import { startClusterGroup, startSentinelGroup } from '../fixtures/redis-group.ts';
import { ServerFolder } from '../fixtures/redis-servers.ts';
import { makeUsers, roleUrl } from '../fixtures/redis-users.ts';

const system = useDockerSystem();

const redisBinary = (): Promise<string> =>
  findOrInstallRedis({ env: process.env, mayInstall: false, log: () => undefined });

const statusOf = async (url: string): Promise<number> => (await fetch(`${url}/home`)).status;

it.each([
  ['a sentinel', startSentinelGroup],
  ['a Cluster', startClusterGroup],
] as const)('containers follow the master of %s', async (_, startGroup) => {
  const { startLocal, namespace } = await system();
  const group = await startGroup(await redisBinary());
  onTestFinished(() => group.stop());
  await makeUsers(group.url, namespace);
  const { url, replicas } = await startLocal({
    REDIS_URL: roleUrl(group.url, namespace, 'all'),
    WORKER_REDIS_URL: roleUrl(group.url, namespace, 'worker'),
    REPLICAS: '1',
  });
  expect(replicas).toEqual(['S1']);
  expect(await statusOf(url)).toBe(200);
  await group.switchOver(namespace);
  await expect.poll(() => statusOf(url), { timeout: 15_000, interval: 100 }).toBe(200);
});

it('containers use a unix socket that is mounted into them', async () => {
  const { startLocal } = await system();
  const folder = await mkdtemp(join(tmpdir(), 'ringpost-socket-'));
  const servers = await ServerFolder.create(await redisBinary());
  onTestFinished(async () => {
    await servers.stop();
    await rm(folder, { recursive: true, force: true });
  });
  // The user of the containers has to reach it.
  await chmod(folder, 0o755);
  await servers.start([
    'maxmemory-policy noeviction',
    `unixsocket ${folder}/redis.sock`,
    'unixsocketperm 777',
  ]);
  const { url } = await startLocal({
    REDIS_URL: `redis+unix://${folder}/redis.sock`,
    WORKER_REDIS_URL: 'redis+unix:///run/redis/redis.sock',
    WORKER_MOUNTS: `${folder}:/run/redis`,
    REPLICAS: '1',
  });
  expect(await statusOf(url)).toBe(200);
});
