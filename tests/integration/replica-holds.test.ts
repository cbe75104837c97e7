import { Queue } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ReplicaActionView } from '#shared/contract/api/replicas.ts';
import type { ProblemDetails } from '#shared/contract/errors.ts';
import type { RingReplicaView, RingView } from '#shared/contract/ring-view.ts';
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
    ...more,
  });

async function act(running: RunningGateway, path: string): Promise<ReplicaActionView | ProblemDetails> {
  const response = await fetch(`${running.adminUrl}/-/api/${path}`, { method: 'POST' });
  // One of both, as the OpenAPI document says.
  return (await response.json()) as ReplicaActionView | ProblemDetails;
}

async function shown({ adminUrl }: RunningGateway, name: string): Promise<RingReplicaView | undefined> {
  const ring = (await (await fetch(`${adminUrl}/-/ring`)).json()) as RingView; // as the route answers
  return ring.replicas.find((replica) => replica.name === name);
}

function keyOf({ gateway }: RunningGateway, replica: string): string {
  for (let at = 0; ; at += 1) if (gateway.watcher.ring.owner(`key-${at}`) === replica) return `key-${at}`;
}

const ask = ({ url }: RunningGateway, key: string, path: string, method = 'GET'): Promise<Response> =>
  fetch(`${url}/${path}`, { method, headers: { 'ringpost-key': key } });

/** Sends requests with many keys until it is told to stop. @returns how many answers had which status. */
function load(running: RunningGateway): () => Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const stopped = new AbortController();
  onTestFinished(() => stopped.abort());
  const clients = Array.from({ length: 6 }, async (_, client) => {
    for (let at = 0; !stopped.signal.aborted; at += 1) {
      const method = at % 2 === 0 ? 'GET' : 'POST';
      const answer = await ask(running, `load-${client}-${at}`, `load?ms=${at % 10}`, method);
      await answer.arrayBuffer();
      counts[answer.status] = (counts[answer.status] ?? 0) + 1;
    }
  });
  return async () => {
    stopped.abort();
    await Promise.all(clients);
    return counts;
  };
}

describe('a drained replica', () => {
  it('gives its keys to its successors, answers what it holds, and comes back; no request fails', async () => {
    const running = await start(3);
    const stop = load(running);
    const key = keyOf(running, 'S2');
    const before = await leaseOf(system(), 'S2');
    const slow = ask(running, key, 'slow?ms=1500', 'POST');
    await eventually(async () => (await workers.runs()).some((line) => line.includes('/slow')) || undefined);
    expect(await act(running, 'replicas/S2/drain')).toEqual({ replicas: ['S2'], hold: 'drained' });
    await expect
      .poll(() => shown(running, 'S2'), wait)
      .toMatchObject({ state: 'ready', inRing: false, hold: 'drained' });
    await expect.poll(() => running.gateway.watcher.ring.owner(key), wait).not.toBe('S2');
    expect((await ask(running, key, 'moved')).headers.get('ringpost-replica')).not.toBe('S2');
    expect((await slow).headers.get('ringpost-replica')).toBe('S2');
    expect(await act(running, 'replicas/S2/drain')).toEqual({ replicas: ['S2'], hold: 'drained' });
    expect(await act(running, 'replicas/S2/resume')).toEqual({ replicas: ['S2'], hold: null });
    await expect.poll(() => running.gateway.watcher.ring.owner(key), wait).toBe('S2');
    expect((await ask(running, key, 'back')).headers.get('ringpost-replica')).toBe('S2');
    expect(await shown(running, 'S2')).toMatchObject({ state: 'ready', inRing: true, hold: null });
    expect((await leaseOf(system(), 'S2'))?.pid).toBe(before?.pid);
    expect(Object.keys(await stop())).toEqual(['200']);
  });

  it('is the last one that can be: the ring is never left empty; unknown replicas are 404', async () => {
    const running = await start(2);
    const key = keyOf(running, 'S1');
    await act(running, 'replicas/S1/drain');
    expect(await act(running, 'replicas/S2/drain')).toMatchObject({ status: 409, code: 'conflict' });
    expect(await act(running, 'replicas/S1/pause')).toMatchObject({ status: 409, code: 'conflict' });
    expect(await act(running, 'replicas/S7/drain')).toMatchObject({ status: 404, code: 'not_found' });
    expect(await act(running, 'replicas/S7/resume')).toMatchObject({ status: 404, code: 'not_found' });
    await expect.poll(() => running.gateway.watcher.ring.owner(key), wait).toBe('S2');
    expect((await ask(running, key, 'x')).headers.get('ringpost-replica')).toBe('S2');
  });

  it('does not come back by itself when it is removed and added again', async () => {
    const running = await start(2);
    await act(running, 'replicas/S2/drain');
    const change = (path: string, method: string): Promise<Response> =>
      fetch(`${running.adminUrl}${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ n: 1, hostnames: ['S2'] }),
      });
    expect((await change('/rm', 'DELETE')).status).toBe(200);
    expect((await change('/add', 'POST')).status).toBe(200);
    expect(await shown(running, 'S2')).toMatchObject({ inRing: true, hold: null });
  });
});

describe('a paused replica', () => {
  it('keeps its keys; its requests wait, also over the death of its worker, and are then answered', async () => {
    const running = await start(2, { LEASE_MS: '600', FAILOVER_MS: '300' });
    const key = keyOf(running, 'S2');
    const running1 = ask(running, key, 'begun?ms=1000', 'POST');
    await eventually(async () => (await workers.runs()).some((line) => line.includes('/begun')) || undefined);
    expect(await act(running, 'replicas/S2/pause')).toEqual({ replicas: ['S2'], hold: 'paused' });
    const held = ['GET', 'POST'].map((method) => ask(running, key, `held-${method}`, method));
    expect((await running1).status).toBe(200);
    const { wait: list } = system().keys.unfinished('S2');
    await expect.poll(() => system().redis.llen(list), wait).toBe(2);

    const before = await leaseOf(system(), 'S2');
    process.kill(before?.pid ?? Number.NaN, 'SIGKILL');
    await expect
      .poll(async () => {
        const lease = await leaseOf(system(), 'S2');
        return lease?.state === 'ready' && lease.pid !== before?.pid;
      }, wait)
      .toBe(true);
    // Longer than the watchdog waits for jobs that nobody runs: 6 checks of LEASE_MS / 3.
    const { pid } = (await leaseOf(system(), 'S2')) ?? {};
    const until = performance.now() + 2500;
    while (performance.now() < until) await ask(running, keyOf(running, 'S1'), 'other');
    expect((await leaseOf(system(), 'S2'))?.pid).toBe(pid);
    expect(await shown(running, 'S2')).toMatchObject({ inRing: true, hold: 'paused' });
    expect(running.gateway.watcher.ring.owner(key)).toBe('S2');
    expect((await workers.runs()).filter((line) => line.includes('/held'))).toEqual([]);

    await act(running, 'replicas/S2/resume');
    const answers = await Promise.all(held);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers.map(({ headers }) => headers.get('ringpost-replica'))).toEqual(['S2', 'S2']);
    expect(await shown(running, 'S2')).toMatchObject({ hold: null });
  });

  it('runs what waits once it is removed', async () => {
    const running = await start(2);
    await act(running, 'replicas/S2/pause');
    const held = ask(running, keyOf(running, 'S2'), 'held');
    await expect.poll(() => system().redis.llen(system().keys.unfinished('S2').wait), wait).toBe(1);
    await fetch(`${running.adminUrl}/rm`, {
      method: 'DELETE',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ n: 1, hostnames: ['S2'] }),
    });
    expect((await held).headers.get('ringpost-replica')).toBe('S2');
  });

  it('keeps the requests that may have killed its worker until it is resumed', async () => {
    const running = await start(2);
    const key = keyOf(running, 'S2');
    const suspect = ask(running, key, 'suspect?ms=1000');
    await eventually(
      async () => (await workers.runs()).some((line) => line.includes('/suspect')) || undefined,
    );
    await act(running, 'replicas/S2/pause');
    const before = await leaseOf(system(), 'S2');
    process.kill(before?.pid ?? Number.NaN, 'SIGKILL');
    await expect
      .poll(async () => {
        const lease = await leaseOf(system(), 'S2');
        return lease?.state === 'ready' && lease.pid !== before?.pid;
      }, wait)
      .toBe(true);
    expect((await workers.runs()).filter((line) => line.includes('/suspect'))).toHaveLength(1);
    await act(running, 'replicas/S2/resume');
    expect((await suspect).status).toBe(200);
    expect((await workers.runs()).filter((line) => line.includes('/suspect'))).toHaveLength(2);
  });

  it('that is replaced under a new name stays paused, with the requests that wait', async () => {
    const running = await start(2, { RESPAWN: 'new' });
    await act(running, 'replicas/S2/pause');
    const held = ask(running, keyOf(running, 'S2'), 'held');
    await expect.poll(() => system().redis.llen(system().keys.unfinished('S2').wait), wait).toBe(1);
    process.kill((await leaseOf(system(), 'S2'))?.pid ?? Number.NaN, 'SIGKILL');
    const heir = async (): Promise<RingReplicaView | undefined> => {
      const { replicas } = (await (await fetch(`${running.adminUrl}/-/ring`)).json()) as RingView; // as above
      return replicas.find(({ replaces }) => replaces === 'S2');
    };
    await expect.poll(heir, wait).toMatchObject({ state: 'ready', inRing: true, hold: 'paused' });
    expect((await workers.runs()).filter((line) => line.includes('/held'))).toEqual([]);
    await act(running, `replicas/${(await heir())?.name}/resume`);
    expect((await held).status).toBe(200);
    expect(await heir()).toMatchObject({ hold: null });
  });

  it("is the same as one whose queue BullMQ's own pause has paused", async () => {
    const running = await start(2, { LEASE_MS: '600' });
    const { keys, redis } = system();
    const queue = new Queue(keys.queue('S2'), {
      connection: redis,
      prefix: keys.prefix,
      skipMetasUpdate: true,
    });
    onTestFinished(() => queue.close());
    const before = await leaseOf(system(), 'S2');
    await queue.pause();
    expect(await shown(running, 'S2')).toMatchObject({ inRing: true, hold: 'paused' });
    const key = keyOf(running, 'S2');
    // One with a priority waits elsewhere than the others.
    const held = [
      ask(running, key, 'held'),
      fetch(`${running.url}/first`, { headers: { 'ringpost-key': key, 'ringpost-priority': '1' } }),
    ];
    const until = performance.now() + 2500;
    while (performance.now() < until) await ask(running, keyOf(running, 'S1'), 'other');
    expect((await leaseOf(system(), 'S2'))?.pid).toBe(before?.pid);
    await act(running, 'replicas/S2/resume');
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await leaseOf(system(), 'S2'))?.pid).toBe(before?.pid);
    expect(await shown(running, 'S2')).toMatchObject({ hold: null });
  });
});

describe('a restart', () => {
  it('replaces the worker of one replica under load; no request fails', async () => {
    const running = await start(2);
    const stop = load(running);
    const [one, two] = [await leaseOf(system(), 'S1'), await leaseOf(system(), 'S2')];
    const key = keyOf(running, 'S2');
    expect(await act(running, 'replicas/S2/restart')).toEqual({ replicas: ['S2'], hold: 'restarting' });
    expect(await shown(running, 'S2')).toMatchObject({ hold: 'restarting' });
    await expect.poll(async () => (await shown(running, 'S2'))?.hold, wait).toBe(null);
    expect(await leaseOf(system(), 'S2')).toMatchObject({ state: 'ready', generation: 2 });
    expect((await leaseOf(system(), 'S2'))?.pid).not.toBe(two?.pid);
    expect((await leaseOf(system(), 'S1'))?.pid).toBe(one?.pid);
    expect(running.gateway.watcher.ring.owner(key)).toBe('S2');
    expect(Object.keys(await stop())).toEqual(['200']);
  });

  it('of all replaces one worker at a time under load; no request fails', async () => {
    const running = await start(3);
    const stop = load(running);
    const names = ['S1', 'S2', 'S3'];
    const pids = await Promise.all(names.map(async (name) => (await leaseOf(system(), name))?.pid));
    expect(await act(running, 'restart')).toEqual({ replicas: names, hold: 'restarting' });
    const order: string[] = [];
    await expect
      .poll(
        async () => {
          const all = await Promise.all(names.map((name) => leaseOf(system(), name)));
          for (const [at, lease] of all.entries()) {
            const name = names[at] ?? '';
            if (lease?.generation === 2 && !order.includes(name)) order.push(name);
          }
          const views = await Promise.all(names.map((name) => shown(running, name)));
          return views.map((view) => view?.hold);
        },
        { timeout: 60_000, interval: 20 },
      )
      .toEqual([null, null, null]);
    const after = await Promise.all(names.map(async (name) => (await leaseOf(system(), name))?.pid));
    expect(after.filter((pid, at) => pid === pids[at])).toEqual([]);
    expect(order).toEqual(names);
    expect(Object.keys(await stop())).toEqual(['200']);
  });

  it('is refused if ringpost does not run the workers', async () => {
    const current = system();
    await workers.start(current, 'S1');
    const running = await current.start({ REPLICAS: '1', REPLICA_DRIVER: 'none' });
    await expect
      .poll(() => act(running, 'replicas/S1/restart'), wait)
      .toMatchObject({ status: 409, code: 'conflict' });
    expect(await act(running, 'restart')).toMatchObject({ status: 409, code: 'conflict' });
  });
});
