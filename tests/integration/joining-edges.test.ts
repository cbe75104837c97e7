import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import { createWorker } from '../../gateway/package/index.ts';
import {
  desiredOf,
  joinable,
  launchJoining,
  patience,
  ringOf,
  untilReplicas,
} from '../fixtures/joining-workers.ts';
import { callCli } from '../fixtures/command-line.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { stream } from '../fixtures/streamed-answer.ts';
import { useSystem } from '../fixtures/system.ts';
import { eventually, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const scratch = useScratch();

it('a worker in a program joins when it starts and leaves when it stops', async () => {
  const running = await system().start(joinable);
  const { redisUrl, namespace: NAMESPACE } = system();
  const REDIS_URL = roleUrl(redisUrl, NAMESPACE, 'worker');
  const settings = { REDIS_URL, NAMESPACE, REPLICA_JOIN: 'auto', LOG_LEVEL: 'silent' } as const;
  const hosted = ['h-1', 'h-2'].map((REPLICA) =>
    createWorker({ ...settings, REPLICA, LEASE_MS: 600 }, () => new Response(REPLICA)),
  );
  await Promise.all(hosted.map((worker) => worker.start()));
  await untilReplicas(running, 'h-1', 'h-2');
  await hosted[0]?.stop();
  expect(await hosted[0]?.ended).toMatchObject({ reason: 'stopped' });
  expect(await desiredOf(running)).toEqual(['h-2']);
  expect(await (await fetch(running.url)).text()).toBe('h-2');
  await hosted[1]?.stop();
  expect(await desiredOf(running)).toEqual([]);
});

it('a worker in a program that may not join can be stopped', async () => {
  const { redisUrl, namespace: NAMESPACE } = system();
  const REDIS_URL = roleUrl(redisUrl, NAMESPACE, 'worker');
  const settings = { REDIS_URL, NAMESPACE, REPLICA_JOIN: 'auto', LOG_LEVEL: 'silent' } as const;
  const worker = createWorker({ ...settings, REPLICA: 'h-1' }, () => new Response());
  const starting = worker.start();
  await eventually(async () => (await system().redis.exists(system().keys.announcements)) === 1);
  await worker.stop();
  await expect(starting).rejects.toThrow('leaving');
  expect(await worker.ended).toMatchObject({ reason: 'stopped' });
  expect(await system().redis.zrange(system().keys.announcements, '0', '-1')).toEqual([]);
});

it('READY_FILE exists while a worker takes jobs, and HEALTH_FILE is touched while it stands by', async () => {
  const folder = join(workers.ledger(), '..');
  const [ready, health] = [join(folder, 'ready'), join(folder, 'health')];
  const worker = launchJoining(workers, system(), 'w-1', { READY_FILE: ready, HEALTH_FILE: health });
  await worker.line(/stands by/);
  expect([existsSync(ready), existsSync(health)]).toEqual([false, true]);
  const before = statSync(health).mtimeMs;
  await expect.poll(() => statSync(health).mtimeMs, patience).toBeGreaterThan(before);
  const running = await system().start(joinable);
  await untilReplicas(running, 'w-1');
  await expect.poll(() => existsSync(ready), patience).toBe(true);
  worker.kill('SIGTERM');
  await expect.poll(() => existsSync(ready), patience).toBe(false);
  expect(await worker.exited).toMatchObject({ code: 0 });
});

it('a worker that leaves breaks off its streams in time, and exits with 0', async () => {
  const running = await system().start(joinable);
  const settings = { HANDLER: handlerFile('ticking'), DRAIN_TIMEOUT_MS: '5000' };
  const worker = launchJoining(workers, system(), 'w-1', settings);
  await untilReplicas(running, 'w-1');
  const answer = await stream(running.url, '/events');
  worker.kill('SIGTERM');
  expect(await answer.ended).toBe('broken');
  expect((await worker.exited).code).toBe(0);
});

it('a paused replica stays one when its worker leaves: what waits there does not run', async () => {
  const running = await system().start(joinable);
  const worker = launchJoining(workers, system(), 'w-1', { DRAIN_TIMEOUT_MS: '2000' });
  await untilReplicas(running, 'w-1');
  const act = (what: string): Promise<Response> =>
    fetch(`${running.url}/-/api/replicas/w-1/${what}`, { method: 'POST' });
  expect((await act('pause')).status).toBe(202);
  const headers = { prefer: 'respond-async' };
  expect((await fetch(`${running.url}/waits`, { headers })).status).toBe(202);
  worker.kill('SIGTERM');
  expect(await worker.exited).toMatchObject({ code: 0 });
  expect([await desiredOf(running), await workers.runs()]).toEqual([['w-1'], []]);
  expect((await act('resume')).status).toBe(202);
  await expect.poll(() => desiredOf(running), patience).toEqual([]);
});

it('announcements that no worker has written keep nobody out', async () => {
  const { redis, keys } = system();
  await redis.set(keys.announcements, 'garbled');
  await redis.hset(keys.joining, '+policy', 'garbled', 'w-1', 'garbled');
  const running = await system().start(joinable);
  launchJoining(workers, system(), 'w-1');
  await untilReplicas(running, 'w-1');
  await redis.zadd(keys.announcements, Date.now(), 'not#a worker', Date.now() + 3_600_000, 'w-9#1');
  await redis.zadd(keys.departures, 1, 'w-1', 2, 'w-1#999', 3, 'w-8#1');
  await expect.poll(() => redis.exists(keys.departures), patience).toBe(0);
  const left = async (): Promise<string[]> => (await redis.zrange(keys.announcements, '0', '-1')).toSorted();
  await expect.poll(left, patience).toEqual(['w-1#1']);
  expect((await ringOf(running)).replicas).toMatchObject([{ name: 'w-1', inRing: true }]);
});

it('the command line says who joined by itself, and who stands by', async () => {
  const running = await system().start({ ...joinable, REPLICA_LEAVE_AFTER_S: '120' });
  launchJoining(workers, system(), 'w-1');
  await untilReplicas(running, 'w-1');
  launchJoining(workers, system(), 'gateway-0');
  await expect.poll(async () => (await ringOf(running)).joining?.standingBy.length, patience).toBe(1);
  const folder = await scratch();
  const call = async (...args: readonly string[]): Promise<string> =>
    (await callCli(folder, [...args, '--url', running.url])).stdout;
  expect(await call('explain', 'tenant-7')).toMatch(/owner +w-1, which joined by itself/);
  const ring = await call('ring');
  expect(ring).toMatch(/joining +replicas join with their workers, and leave 2m after these were lost/);
  expect(ring).toMatch(/gateway-0 +the name is reserved for ringpost itself; choose another one/);
});

it('READY_FILE is removed if a fault ends the worker', async () => {
  const current = system();
  const ready = join(workers.ledger(), '..', 'ready');
  const worker = await workers.start(current, 'S1', { READY_FILE: ready });
  await expect.poll(() => existsSync(ready), patience).toBe(true);
  await current.redis.incr(current.keys.leaseFence('S1'));
  expect((await worker.exited).code).toBe(1);
  expect(existsSync(ready)).toBe(false);
});
