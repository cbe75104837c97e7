import { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import type { RingReplicaView, RingView } from '#shared/contract/ring-view.ts';
import { SleepNotes } from '#shared/store/lease/sleep-notes.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const wait = { timeout: 30_000 };

const start = (replicas: number, more: NodeJS.ProcessEnv = {}): Promise<RunningGateway> =>
  system().start({
    REPLICAS: String(replicas),
    HANDLER: workers.handler,
    LEDGER: workers.ledger(),
    LEASE_MS: '600',
    SLEEP_AFTER_S: '1',
    ...more,
  });

async function shown({ adminUrl }: RunningGateway, name: string): Promise<RingReplicaView | undefined> {
  const ring = (await (await fetch(`${adminUrl}/-/ring`)).json()) as RingView; // as the route answers
  return ring.replicas.find((replica) => replica.name === name);
}

/** Waits until a replica sleeps and has no worker. */
async function asleep(running: RunningGateway, name: string): Promise<void> {
  await expect.poll(() => shown(running, name), wait).toMatchObject({ state: 'asleep', inRing: true });
  await expect.poll(() => leaseOf(system(), name), wait).toBeUndefined();
}

function keyOf({ gateway }: RunningGateway, replica: string): string {
  for (let at = 0; ; at += 1) if (gateway.watcher.ring.owner(`key-${at}`) === replica) return `key-${at}`;
}

const ask = (
  running: RunningGateway,
  replica: string,
  path: string,
  init: RequestInit = {},
): Promise<Response> =>
  fetch(`${running.url}/${path}`, {
    ...init,
    headers: { 'ringpost-key': keyOf(running, replica), ...(init.headers as Record<string, string>) },
  });

const admin = (running: RunningGateway, path: string, method = 'POST', body?: object): Promise<Response> =>
  fetch(`${running.adminUrl}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });

describe('an idle replica', () => {
  it('sleeps, keeps its keys, and is woken by its first request, which is answered once', async () => {
    const running = await start(2);
    const before = await (await fetch(`${running.adminUrl}/rep`)).text();
    await Promise.all(['S1', 'S2'].map((name) => asleep(running, name)));
    expect(running.gateway.watcher.ring.members.map(({ name }) => name)).toEqual(['S1', 'S2']);
    expect(await (await fetch(`${running.adminUrl}/rep`)).text()).toBe(before);
    expect((await fetch(`${running.adminUrl}/-/ready`)).status).toBe(200);
    expect(await shown(running, 'S1')).toMatchObject({ failures: 0, crash: null });

    const [get, post] = await Promise.all([
      ask(running, 'S1', 'get'),
      ask(running, 'S2', 'post', { method: 'POST', body: 'x' }),
    ]);
    expect([get.status, post.status]).toEqual([200, 200]);
    expect(await get.json()).toEqual({ replica: 'S1', attempt: 1 });
    expect(await post.json()).toEqual({ replica: 'S2', attempt: 1 });
    expect((await workers.runs()).toSorted()).toEqual(['GET /get S1 1', 'POST /post S2 1']);
    await expect
      .poll(() => shown(running, 'S1'), wait)
      .toMatchObject({ state: 'ready', generation: 2, failures: 0 });
    // S2 remembers the POST for a minute (ADR 0010).
    await asleep(running, 'S1');
    expect(await shown(running, 'S2')).toMatchObject({ state: 'ready' });
  });

  it('stays awake if its worker ran something after it said that it was idle', async () => {
    const running = await start(1, { SLEEP_AFTER_S: '3600' });
    const { generation, idle } = await eventually(async () => {
      const lease = await leaseOf(system(), 'S1');
      return lease?.idle === undefined ? undefined : lease;
    });
    const terms = { generation, idleSince: idle?.since ?? 0, quietMs: 60_000, untilDueMs: 4000 };
    expect((await ask(running, 'S1', 'once', { method: 'POST' })).status).toBe(200);
    await expect.poll(() => system().redis.exists(system().keys.unfinished('S1').active), wait).toBe(0);
    expect(await new SleepNotes(system().connection).fallAsleep('S1', terms)).toBe(false);
  });

  it("sleeps and wakes with BullMQ's own consumer too", async () => {
    const running = await start(1, { CONSUMER: 'stock' });
    for (const generation of [2, 3]) {
      await asleep(running, 'S1');
      expect((await ask(running, 'S1', `get-${generation}`)).status).toBe(200);
      await expect.poll(() => shown(running, 'S1'), wait).toMatchObject({ state: 'ready', generation });
    }
    expect(await workers.runs()).toEqual(['GET /get-2 S1 1', 'GET /get-3 S1 1']);
  });

  it('is woken by a burst once, and answers each of its requests once', async () => {
    const running = await start(1);
    await asleep(running, 'S1');
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, at) => ask(running, 'S1', `burst-${at}`, { method: 'POST' })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const runs = await workers.runs();
    expect(runs).toHaveLength(200);
    expect(new Set(runs.map((run) => run.split(' ')[1])).size).toBe(200);
    await expect.poll(() => shown(running, 'S1'), wait).toMatchObject({ state: 'ready', generation: 2 });
  });

  it('loses no request and runs none twice that comes while its worker goes', async () => {
    const running = await start(1);
    const { redis, keys } = system();
    const note = async (): Promise<boolean> =>
      (await redis.get(keys.consumer('S1')))?.startsWith('asleep') === true;
    const moments: readonly (() => Promise<boolean>)[] = [
      note,
      async () => (await leaseOf(system(), 'S1'))?.state === 'leaving',
      async () => (await note()) && (await leaseOf(system(), 'S1')) === undefined,
    ];
    let sent = 0;
    for (const moment of [...moments, ...moments]) {
      while (!(await moment()));
      const some = Array.from({ length: 3 }, () => ask(running, 'S1', `edge-${(sent += 1)}`));
      for (const answer of await Promise.all(some)) expect(answer.status).toBe(200);
    }
    const paths = (await workers.runs()).map((run) => run.split(' ')[1]);
    expect(new Set(paths).size).toBe(paths.length);
    expect(paths).toHaveLength(sent);
  });
});

describe('a replica that sleeps', () => {
  it('wakes for a delayed async request in time', async () => {
    const running = await start(1);
    await asleep(running, 'S1');
    const accepted = await ask(running, 'S1', 'later', {
      method: 'POST',
      headers: { prefer: 'respond-async', 'ringpost-delay': '6' },
    });
    expect(accepted.status).toBe(202);
    const due = performance.now() + 6000;
    expect(await shown(running, 'S1')).toMatchObject({ state: 'asleep' });
    await eventually(async () => (await workers.runs()).includes('POST /later S1 1'));
    expect(performance.now() - due).toBeLessThan(1000);
  });

  it('wakes for an ordered request, which is added without a message to the controllers', async () => {
    const running = await start(1);
    await asleep(running, 'S1');
    const answer = await ask(running, 'S1', 'ordered', { headers: { 'ringpost-order': 'key' } });
    expect(answer.status).toBe(200);
  });

  it('wakes for a job that another program adds', async () => {
    const running = await start(1);
    await asleep(running, 'S1');
    const { redis, keys } = system();
    const queue = new Queue(keys.queue('S1'), { connection: redis, prefix: keys.prefix });
    await queue.add('foreign', { not: 'ours' });
    await queue.close();
    await expect.poll(() => shown(running, 'S1'), wait).toMatchObject({ state: 'ready', generation: 2 });
  });

  it('is drained, resumed, paused and removed as any other, without being woken', async () => {
    const running = await start(3);
    await Promise.all(['S1', 'S2', 'S3'].map((name) => asleep(running, name)));
    await admin(running, '/-/api/replicas/S2/drain');
    await expect.poll(() => shown(running, 'S2'), wait).toMatchObject({ state: 'asleep', inRing: false });
    await admin(running, '/-/api/replicas/S2/resume');
    await asleep(running, 'S2');

    await admin(running, '/-/api/replicas/S1/pause');
    const held = ask(running, 'S1', 'held');
    const { wait: list } = system().keys.unfinished('S1');
    await expect.poll(() => system().redis.llen(list), wait).toBe(1);
    expect((await ask(running, 'S2', 'other')).status).toBe(200);
    expect(await shown(running, 'S1')).toMatchObject({ state: 'asleep', hold: 'paused' });
    await admin(running, '/-/api/replicas/S1/resume');
    expect((await held).status).toBe(200);

    const removed = await admin(running, '/rm', 'DELETE', { n: 1, hostnames: ['S3'] });
    expect(removed.status).toBe(200);
    await expect.poll(() => system().redis.exists(system().keys.consumer('S3')), wait).toBe(0);
    await expect.poll(() => running.gateway.watcher.state.retired.size, wait).toBe(0);
    expect((await system().redis.get(system().keys.generation('S3'))) ?? '1').toBe('1');
  });

  it('is restarted by being woken the next time', async () => {
    const running = await start(2);
    await asleep(running, 'S1');
    await admin(running, '/-/api/replicas/S1/restart');
    await expect.poll(() => shown(running, 'S1'), wait).toMatchObject({ state: 'asleep', hold: null });
  });

  it('stays asleep when its leader ends, and wakes for the next one', async () => {
    const first = await start(1);
    await asleep(first, 'S1');
    const second = await start(1);
    await first.stop();
    await expect.poll(() => shown(second, 'S1'), wait).toMatchObject({ state: 'asleep', inRing: true });
    expect((await ask(second, 'S1', 'next')).status).toBe(200);
    await expect.poll(() => shown(second, 'S1'), wait).toMatchObject({ state: 'ready', generation: 2 });
  });

  it('is woken by a controller that puts none to sleep', async () => {
    const first = await start(1);
    await asleep(first, 'S1');
    await first.stop();
    const second = await start(1, { SLEEP_AFTER_S: '0' });
    await expect.poll(() => shown(second, 'S1'), wait).toMatchObject({ state: 'ready', generation: 2 });
  });

  it('is started again if its worker fails to start, and keeps its keys until then', async () => {
    const running = await start(1, { FAILOVER_MS: '60000' });
    await asleep(running, 'S1');
    const answer = ask(running, 'S1', 'late');
    const lease = await eventually(() => leaseOf(system(), 'S1'));
    process.kill(lease.pid, 'SIGKILL');
    expect((await answer).status).toBe(200);
    await expect.poll(() => shown(running, 'S1'), wait).toMatchObject({ state: 'ready', inRing: true });
  });
});
