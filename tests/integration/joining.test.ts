import { describe, expect, it } from 'vitest';
import {
  desiredOf,
  joinable,
  keyedLoad,
  launchJoining,
  patience,
  ringOf,
  untilReplicas,
} from '../fixtures/joining-workers.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const launch = (replica: string, settings: NodeJS.ProcessEnv = {}) =>
  launchJoining(workers, system(), replica, settings);
const nothing = 'joins nothing';

/** @returns the statuses and messages of `/add` and `/rm`. */
async function change({ url }: RunningGateway, path: '/add' | '/rm', body: object) {
  const method = path === '/add' ? 'POST' : 'DELETE';
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) });
  return { status: answer.status, text: await answer.text() };
}

/** @returns why the worker of a replica stands by. */
async function reasonOf(running: RunningGateway, replica: string): Promise<string> {
  const { joining } = await ringOf(running);
  return joining?.standingBy.find(({ name }) => name === replica)?.reason ?? nothing;
}

describe('a worker that joins by itself', () => {
  it('waits for a controller, becomes a replica and serves', async () => {
    const first = launch('w-1');
    await first.line(/stands by: no controller with REPLICA_JOIN=auto leads/);
    const running = await system().start(joinable);
    launch('w-2');
    await untilReplicas(running, 'w-1', 'w-2');
    const answer = await fetch(`${running.url}/hello`, { headers: { 'ringpost-key': 'a' } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('ringpost-replica')).toMatch(/^w-[12]$/);
    const { replicas, joining } = await ringOf(running);
    expect(replicas.map(({ joinedBy }) => joinedBy)).toEqual(['worker', 'worker']);
    expect(joining).toEqual({ leaveAfterMs: 300_000, standingBy: [], removed: [] });
  });

  it('leaves at SIGTERM: its keys move, no request fails, and it exits with 0', async () => {
    const running = await system().start(joinable);
    const [first] = ['w-1', 'w-2'].map((name) => launch(name));
    await untilReplicas(running, 'w-1', 'w-2');
    const load = keyedLoad(running, 10);
    await new Promise((resolve) => setTimeout(resolve, 500));
    first?.kill('SIGTERM');
    await untilReplicas(running, 'w-2');
    expect(await first?.exited).toMatchObject({ code: 0 });
    const counts = await load.stop();
    expect(Object.keys(counts).toSorted()).toEqual(['GET 200', 'POST 200']);
    expect(await desiredOf(running)).toEqual(['w-2']);
    await expect.poll(async () => (await ringOf(running)).retired, patience).toEqual([]);
  });

  it('is told to leave before it has joined: nothing is left of it', async () => {
    const alone = launch('w-1');
    await alone.line(/stands by/);
    alone.kill('SIGTERM');
    expect(await alone.exited).toMatchObject({ code: 0 });
    const running = await system().start(joinable);
    await expect.poll(() => system().redis.exists(system().keys.departures), patience).toBe(0);
    expect(await desiredOf(running)).toEqual([]);
  });

  it('stays a replica when it is killed, and its next worker takes the queue over', async () => {
    const running = await system().start(joinable);
    const killed = launch('w-1');
    await untilReplicas(running, 'w-1');
    const joined = (await ringOf(running)).replicas[0]?.joined;
    killed.kill('SIGKILL');
    await killed.exited;
    const waits = fetch(`${running.url}/waits`);
    const again = launch('w-1');
    expect((await waits).status).toBe(200);
    await expect.poll(async () => (await leaseOf(system(), 'w-1'))?.pid, patience).toBe(again.pid);
    expect((await ringOf(running)).replicas).toMatchObject([{ name: 'w-1', joined, joinedBy: 'worker' }]);
  });

  it('leaves after REPLICA_LEAVE_AFTER_S if it was killed and does not return; later it joins again', async () => {
    const running = await system().start({ ...joinable, REPLICA_LEAVE_AFTER_S: '1' });
    const [killed] = ['w-1', 'w-2'].map((name) => launch(name));
    await untilReplicas(running, 'w-1', 'w-2');
    const load = keyedLoad(running, 20);
    killed?.kill('SIGKILL');
    await untilReplicas(running, 'w-2');
    // It is still a replica then, which may come back.
    await expect.poll(() => desiredOf(running), patience).toEqual(['w-2']);
    const counts = await load.stop();
    // Requests that the dead worker was running may have had an effect.
    expect(counts).toMatchObject({ 'GET 200': expect.any(Number) as number });
    expect(Object.keys(counts).filter((each) => !/^(GET|POST) 200$|^POST 502$/.test(each))).toEqual([]);
    launch('w-1');
    await untilReplicas(running, 'w-1', 'w-2');
  });

  it('comes back after Redis has lost everything', async () => {
    const running = await system().start(joinable);
    const both = ['w-1', 'w-2'].map((name) => launch(name));
    await untilReplicas(running, 'w-1', 'w-2');
    const { redis, namespace } = system();
    await redis.unlink(...(await redis.keys(`*${namespace}*:*`)));
    await expect.poll(async () => (await ringOf(running)).version, patience).toBeGreaterThan(-1);
    await untilReplicas(running, 'w-1', 'w-2');
    expect((await fetch(`${running.url}/again`)).status).toBe(200);
    const pids = await Promise.all(['w-1', 'w-2'].map(async (name) => (await leaseOf(system(), name))?.pid));
    expect(pids).toEqual(both.map(({ pid }) => pid));
  });
});

describe('a worker that may not join', () => {
  it('stands by after /rm until /add names it, whichever worker of it is there', async () => {
    const running = await system().start(joinable);
    const removed = launch('w-1');
    launch('w-2');
    await untilReplicas(running, 'w-1', 'w-2');
    expect(await change(running, '/rm', { n: 1, hostnames: ['w-1'] })).toMatchObject({ status: 200 });
    expect(await removed.exited).toMatchObject({ code: 0 });
    const next = launch('w-1');
    await next.line(/w-1 stands by: it was removed by \/rm at 20.*; \/add lets it in again/);
    expect(await desiredOf(running)).toEqual(['w-2']);
    expect((await ringOf(running)).joining?.removed).toMatchObject([{ name: 'w-1' }]);
    // A restart changes nothing.
    next.kill('SIGTERM');
    expect(await next.exited).toMatchObject({ code: 0 });
    launch('w-1');
    await expect.poll(() => reasonOf(running, 'w-1'), patience).toContain('removed by /rm');
    expect(await change(running, '/add', { n: 1 })).toMatchObject({
      status: 400,
      text: expect.stringContaining('replicas join when their workers start') as string,
    });
    expect(await change(running, '/add', { n: 1, hostnames: ['w-1'] })).toMatchObject({ status: 200 });
    await untilReplicas(running, 'w-1', 'w-2');
    const { joining, replicas } = await ringOf(running);
    expect(joining).toMatchObject({ standingBy: [], removed: [] });
    expect(replicas.map(({ joinedBy }) => joinedBy)).toEqual(['worker', 'worker']);
  });

  it('stands by with a reserved name, and beyond MAX_REPLICAS until another one leaves', async () => {
    const running = await system().start({ ...joinable, MAX_REPLICAS: '1' });
    const first = launch('w-1');
    await untilReplicas(running, 'w-1');
    const second = launch('w-2');
    launch('ringpost-0');
    await second.line(/w-2 stands by: MAX_REPLICAS is 1, and there are as many replicas/);
    await expect
      .poll(() => reasonOf(running, 'ringpost-0'), patience)
      .toBe('the name is reserved for ringpost itself; choose another one');
    const { troubles } = (await (await fetch(`${running.url}/-/api/overview`)).json()) as {
      troubles: { code: string; text: string }[];
    };
    expect(troubles.filter(({ code }) => code === 'worker_stands_by').map(({ text }) => text)).toEqual([
      'The worker of ringpost-0 stands by: the name is reserved for ringpost itself; choose another one.',
      'The worker of w-2 stands by: MAX_REPLICAS is 1, and there are as many replicas.',
    ]);
    first.kill('SIGTERM');
    await untilReplicas(running, 'w-2');
  });

  it('stands by while another worker has its name, and takes over when that one leaves', async () => {
    const running = await system().start(joinable);
    const first = launch('w-1');
    await untilReplicas(running, 'w-1');
    const { replicas } = await ringOf(running);
    const second = launch('w-1');
    await eventually(async () => (await system().redis.exists(system().keys.standby('w-1'))) === 1);
    expect((await leaseOf(system(), 'w-1'))?.pid).toBe(first.pid);
    const load = keyedLoad(running, 10);
    first.kill('SIGTERM');
    expect(await first.exited).toMatchObject({ code: 0 });
    await eventually(async () => (await leaseOf(system(), 'w-1'))?.pid === second.pid);
    expect(Object.keys(await load.stop()).toSorted()).toEqual(['GET 200', 'POST 200']);
    // No key has moved: it is the same replica.
    expect((await ringOf(running)).replicas).toMatchObject([{ joined: replicas[0]?.joined }]);
  });
});

describe('controllers and operators', () => {
  it('another controller goes on with what joined when the leading one has gone', async () => {
    const first = await system().start(joinable);
    launch('w-1');
    await untilReplicas(first, 'w-1');
    const second = await system().start(joinable);
    await first.stop();
    launch('w-2');
    await untilReplicas(second, 'w-1', 'w-2');
    expect((await ringOf(second)).joining?.leaveAfterMs).toBe(300_000);
  });

  it('a controller without REPLICA_JOIN lets nobody join, and says so', async () => {
    const running = await system().start({ ...joinable, REPLICA_JOIN: 'manual', REPLICAS: '0' });
    const worker = launch('w-1');
    await worker.line(/stands by: no controller with REPLICA_JOIN=auto leads/);
    expect((await ringOf(running)).joining).toBe(null);
    expect(await change(running, '/add', { n: 1, hostnames: ['w-1'] })).toMatchObject({ status: 200 });
    await untilReplicas(running, 'w-1');
    worker.kill('SIGTERM');
    expect(await worker.exited).toMatchObject({ code: 0 });
    expect(await desiredOf(running)).toEqual(['w-1']);
  });
});

it('a set of 3 workers grows to 10 and shrinks to 3 under load, and no request fails', async () => {
  const running = await system().start(joinable);
  const names = Array.from({ length: 10 }, (_, at) => `w-${at}`);
  const pods = names.slice(0, 3).map((name) => launch(name));
  await untilReplicas(running, ...names.slice(0, 3));
  const load = keyedLoad(running, 15);
  pods.push(...names.slice(3).map((name) => launch(name)));
  await untilReplicas(running, ...names);
  // As a StatefulSet does: the last ones first.
  for (const pod of pods.slice(3).toReversed()) {
    pod.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await untilReplicas(running, ...names.slice(0, 3));
  const codes = await Promise.all(pods.slice(3).map(async ({ exited }) => (await exited).code));
  expect(codes).toEqual(Array.from({ length: 7 }, () => 0));
  expect(Object.keys(await load.stop()).toSorted()).toEqual(['GET 200', 'POST 200']);
  expect(await desiredOf(running)).toEqual(names.slice(0, 3));
}, 120_000);
