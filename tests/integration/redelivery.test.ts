import { describe, expect, it } from 'vitest';
import type { JobData } from '#shared/contract/job.ts';
import type { RunningCommand } from '../fixtures/command.ts';
import { useSystem } from '../fixtures/system.ts';
import type { System } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers, workerLeaseMs } from '../fixtures/workers.ts';

const system = useSystem();
const { handler, ledger, runs: lines, start } = useWorkers();
const startWorker = (current: System): Promise<RunningCommand> => start(current, 'S1');

describe('a replica that is killed while it runs requests', () => {
  it('runs those again that may be repeated; the others end with an unknown outcome', async () => {
    const current = system();
    const { url } = await current.start({ REPLICAS: '1', HANDLER: handler, LEDGER: ledger() });
    const ask = (method: string, path: string, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${url}/${path}?ms=700`, { method, headers });
    const asked = [
      ask('GET', 'get'),
      ask('PUT', 'put'),
      ask('POST', 'post'),
      ask('POST', 'keyed', { 'idempotency-key': 'k' }),
      ask('POST', 'always', { 'ringpost-retry': 'always' }),
      ask('GET', 'never', { 'ringpost-retry': 'never' }),
    ];
    await eventually(async () => (await lines()).length === asked.length);
    process.kill((await leaseOf(current, 'S1'))?.pid ?? 0, 'SIGKILL');
    const answers = await Promise.all(asked);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 502, 200, 200, 502]);
    expect(await answers[0]?.json()).toEqual({ replica: 'S1', attempt: 2 });
    expect(await answers[2]?.json()).toMatchObject({ code: 'outcome_unknown' });
    const runs = await lines();
    for (const path of ['get', 'put', 'keyed', 'always']) {
      expect(runs.filter((line) => line.includes(`/${path} `))).toHaveLength(2);
    }
    for (const path of ['post', 'never']) {
      expect(runs.filter((line) => line.includes(`/${path} `))).toHaveLength(1);
    }
  });

  it('refuses a Ringpost-Retry that is neither always nor never', async () => {
    const { url } = await system().start({ REPLICAS: '1' });
    const answer = await fetch(`${url}/home`, { headers: { 'ringpost-retry': 'sometimes' } });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'request_malformed' });
  });
});

describe('a worker that was frozen for longer than its lease', () => {
  it('neither answers nor runs anything when it wakes up: the newer worker does', async () => {
    const current = system();
    const settings = { REPLICA_DRIVER: 'none', REPLICAS: '1', LEASE_MS: String(workerLeaseMs) };
    const first = await startWorker(current);
    const { url } = await current.start(settings);
    const get = fetch(`${url}/get?ms=500`);
    const post = fetch(`${url}/post?ms=500`, { method: 'POST' });
    await eventually(async () => (await lines()).length === 2);
    first.kill('SIGSTOP');
    await startWorker(current);
    expect((await post).status).toBe(502);
    expect(await (await get).json()).toEqual({ replica: 'S1', attempt: 2 });
    first.kill('SIGCONT');
    expect((await first.exited).code).toBe(1);
    expect((await lines()).toSorted()).toEqual(['GET /get S1 1', 'GET /get S1 2', 'POST /post S1 1']);
    // The newer worker continues to serve.
    expect((await fetch(`${url}/next`)).status).toBe(200);
  });
});

describe('a job that is active but not being run by any worker', () => {
  it.each([
    // A frozen worker took a job when it woke up, and then had to end.
    ['locked by a worker that is gone', async () => 'another-worker:7'],
    // Redis gave the job out, and the reply was lost with the connection.
    [
      'locked by the worker that holds the lease, which never got the reply',
      async ({ redis, keys }: System, url: string): Promise<string> => {
        void fetch(`${url}/running?ms=300`).catch(() => undefined);
        await eventually(async () => (await lines()).length === 1);
        const [id = ''] = await redis.lrange(keys.unfinished('S1').active, 0, 0);
        const lock = (await redis.get(keys.jobLock('S1', id))) ?? '';
        await eventually(async () => (await redis.llen(keys.unfinished('S1').active)) === 0);
        return lock.replace(/:\d+$/, ':999');
      },
    ],
  ] as const)('is found and run if it is %s', async (_, lockOf) => {
    const current = system();
    const { redis, keys } = current;
    await startWorker(current);
    const { url } = await current.start({
      REPLICA_DRIVER: 'none',
      REPLICAS: '1',
      LEASE_MS: String(workerLeaseMs),
    });
    const lock = await lockOf(current, url);
    const data: JobData = {
      method: 'GET',
      target: '/orphan',
      headers: [],
      gateway: 'nobody',
      deadline: Date.now() + 20_000,
      redelivery: 'safe',
    };
    const job = {
      name: 'dispatch',
      data: JSON.stringify(data),
      opts: '{}',
      timestamp: Date.now(),
      delay: 0,
      priority: 0,
      ats: 1,
    };
    await redis.hset(keys.job('S1', 'orphan-1'), job);
    await redis.set(keys.jobLock('S1', 'orphan-1'), lock, 'PX', 20_000);
    await redis.lpush(keys.unfinished('S1').active, 'orphan-1');
    const left = performance.now();
    await eventually(async () => (await lines()).includes('GET /orphan S1 2'));
    expect(performance.now() - left).toBeLessThan(3 * workerLeaseMs);
  });
});

describe('a job whose wake-up was lost', () => {
  it('is found by the watchdog and run, long before BullMQ would check again', async () => {
    const current = system();
    const { redis, keys } = current;
    await startWorker(current);
    // As BullMQ adds a job, but without the marker that wakes the worker up.
    const data: JobData = {
      method: 'GET',
      target: '/unheard',
      headers: [],
      gateway: 'nobody',
      deadline: Date.now() + 20_000,
      redelivery: 'safe',
    };
    const job = {
      name: 'dispatch',
      data: JSON.stringify(data),
      opts: '{}',
      timestamp: Date.now(),
      delay: 0,
      priority: 0,
    };
    await redis.hset(keys.job('S1', 'unheard-1'), job);
    const added = performance.now();
    await redis.lpush(keys.unfinished('S1').wait, 'unheard-1');
    await eventually(async () => (await lines()).length === 1);
    expect(performance.now() - added).toBeLessThan(2500);
  });
});
