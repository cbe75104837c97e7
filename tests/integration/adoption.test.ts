import { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import type { JobData } from '#shared/contract/job.ts';
import { adopterOf } from '#shared/contract/lease.ts';
import { redisOptions } from '#shared/store/target/redis-options.ts';
import { metricValues } from '../fixtures/metric-values.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway, System } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers, workerLeaseMs } from '../fixtures/workers.ts';

/** Leaves the attempt out if the job may run again: its worker may have taken it just before it died. */
const run = (line: string): string => line.replace(/^(GET .*) \d+$/, '$1');

const system = useSystem();
const workers = useWorkers();
const settings = {
  REPLICA_DRIVER: 'none',
  LEASE_MS: String(workerLeaseMs),
  FAILOVER_MS: '300',
};

/** @returns a key that the current ring gives to the replica. */
function keyOf({ gateway }: RunningGateway, replica: string): string {
  for (let at = 0; ; at += 1) if (gateway.watcher.ring.owner(`key-${at}`) === replica) return `key-${at}`;
}

async function untilInRing({ gateway }: RunningGateway, ...names: string[]): Promise<void> {
  const members = ({ ring }: { ring: ReadonlyMap<string, number> }): string =>
    [...ring.keys()].toSorted().join();
  await gateway.watcher.until((state) => members(state) === names.join(), 20_000);
}

/** Starts a gateway with replicas S1 …, each with a worker started by hand. */
async function startWith(current: System, count: number, more: NodeJS.ProcessEnv = {}) {
  const names = Array.from({ length: count }, (_, at) => `S${at + 1}`);
  const commands = await Promise.all(names.map((name) => workers.start(current, name, more)));
  const running = await current.start({ ...settings, REPLICAS: String(count), ...more });
  await untilInRing(running, ...names);
  const ask = (key: string, method: string, path: string, ms = 0): Promise<Response> =>
    fetch(`${running.url}/${path}?ms=${ms}`, { method, headers: { 'ringpost-key': key } });
  /** Ends the worker of a replica, and waits until it reads nothing any more. */
  const end = async (at: number): Promise<void> => {
    commands[at]?.kill('SIGKILL');
    await commands[at]?.exited;
  };
  const untilRun = (path: string): Promise<true> =>
    eventually(async () => (await workers.runs()).some((line) => line.includes(` /${path} `)) || undefined);
  return { running, commands, ask, end, untilRun };
}

describe('a replica that does not come back', () => {
  it('leaves the ring; a live worker adopts its waiting jobs, but not its running ones', async () => {
    const current = system();
    const { running, commands, ask, untilRun } = await startWith(current, 2, { CONCURRENCY: '2' });
    const key = keyOf(running, 'S2');
    const get = ask(key, 'GET', 'get', 1500);
    const post = ask(key, 'POST', 'post', 1500);
    await Promise.all([untilRun('get'), untilRun('post')]);
    const waiting = ['GET', 'POST', 'PUT'].map((method) => ask(key, method, `wait-${method}`));
    await eventually(async () => (await current.redis.llen(current.keys.unfinished('S2').wait)) === 3);
    commands[1]?.kill('SIGKILL');
    const answers = await Promise.all([post, ...waiting]);
    expect(answers.map(({ status }) => status)).toEqual([502, 200, 200, 200]);
    expect(await answers[0]?.json()).toMatchObject({ code: 'outcome_unknown' });
    for (const answer of answers.slice(1)) {
      expect(answer.headers.get('ringpost-replica')).toBe('S2');
      expect(answer.headers.get('ringpost-adopted-by')).toBe('S1');
    }
    // Its keys are S1's by now.
    const next = await ask(key, 'GET', 'next');
    expect([next.headers.get('ringpost-replica'), next.headers.get('ringpost-adopted-by')]).toEqual([
      'S1',
      null,
    ]);
    const statusOf = async (): Promise<object | undefined> => {
      const ring = (await (await fetch(`${running.url}/-/ring`)).json()) as { replicas: object[] };
      return ring.replicas[1];
    };
    await expect.poll(statusOf).toMatchObject({
      name: 'S2',
      state: 'lost',
      inRing: false,
      adopter: adopterOf('S1', 1),
    });
    expect((await workers.runs()).filter((line) => line.startsWith('POST'))).toHaveLength(2);
    await workers.start(current, 'S2', { CONCURRENCY: '2' });
    expect(await (await get).json()).toEqual({ replica: 'S2', attempt: 2 });
  });

  it('takes back its keys and its queue when it returns, even while the adopter runs jobs', async () => {
    const current = system();
    const { running, ask, end, untilRun } = await startWith(current, 2);
    const key = keyOf(running, 'S2');
    await end(1);
    const held = ask(key, 'POST', 'held', 2000);
    await untilRun('held');
    expect(await leaseOf(current, 'S2')).toMatchObject({ state: 'adopted', generation: 0 });
    const back = workers.launch(current, 'S2');
    // The owner waits until the adopter finishes; the adopter takes no new jobs.
    await eventually(async () => (await current.redis.exists(current.keys.standby('S2'))) === 1);
    expect((await leaseOf(current, 'S2'))?.state).toBe('adopted');
    expect((await held).status).toBe(200);
    await eventually(async () => (await leaseOf(current, 'S2'))?.pid === back.pid);
    await untilInRing(running, 'S1', 'S2');
    const answer = await ask(key, 'GET', 'own');
    expect([answer.headers.get('ringpost-replica'), answer.headers.get('ringpost-adopted-by')]).toEqual([
      'S2',
      null,
    ]);
    expect((await workers.runs()).filter((line) => line.includes('/held'))).toHaveLength(1);
    await eventually(async () => (await current.redis.scard(current.keys.offered)) === 0);
  });

  it('goes on with a stream that its adopter leaves, which is no crash', async () => {
    const current = system();
    const ticking = { HANDLER: handlerFile('ticking') };
    const { running, end } = await startWith(current, 2, ticking);
    const key = keyOf(running, 'S2');
    await end(1);
    const headers = { prefer: 'respond-async', 'ringpost-retry': 'always' };
    const accepted = await fetch(running.url, { headers: { ...headers, 'ringpost-key': key } });
    expect(accepted.status).toBe(202);
    const { redis, keys } = current;
    await expect.poll(() => redis.scard(keys.streams('S2'))).toBe(1);
    await workers.start(current, 'S2', ticking);
    await expect
      .poll(async () => (await metricValues(running.url)).get('ringpost_stream_resumes_total'))
      .toBe(1);
    const job = keys.job('S2', accepted.headers.get('ringpost-request') ?? '');
    expect([await redis.hget(job, 'ringpost:losses'), await redis.scard(keys.suspects('S2'))]).toEqual([
      null,
      0,
    ]);
    const values = await metricValues(running.url);
    expect(values.get('ringpost_losses_total')).toBe(0);
    expect(values.get('ringpost_redeliveries_total{cause="stop"}')).toBe(1);
  });

  it('is adopted by another worker if its adopter dies too; running jobs wait for the owner', async () => {
    const current = system();
    const { running, ask, end, untilRun } = await startWith(current, 3, { CONCURRENCY: '4' });
    const key = keyOf(running, 'S3');
    const adopterPid = async (): Promise<number | undefined> => {
      const lease = await leaseOf(current, 'S3');
      return lease?.state === 'adopted' ? lease.pid : undefined;
    };
    await end(2);
    const asked = [ask(key, 'GET', 'a', 1000), ask(key, 'POST', 'b', 1000)];
    await Promise.all([untilRun('a'), untilRun('b')]);
    const first = await eventually(adopterPid);
    process.kill(first, 'SIGKILL');
    expect((await asked[1])?.status).toBe(502);
    expect(await eventually(adopterPid)).not.toBe(first);
    expect((await ask(key, 'GET', 'other')).status).toBe(200);
    await workers.start(current, 'S3', { CONCURRENCY: '4' });
    expect((await asked[0])?.status).toBe(200);
    expect((await workers.runs()).map((line) => line.split(' ').slice(0, 2).join(' ')).toSorted()).toEqual([
      'GET /a',
      'GET /a',
      'GET /other',
      'POST /b',
    ]);
  });

  it('does not make a worker run more than CONCURRENCY at once', async () => {
    const current = system();
    const { running, ask, end, untilRun } = await startWith(current, 2, { CONCURRENCY: '1' });
    const [one, two] = [keyOf(running, 'S1'), keyOf(running, 'S2')];
    await end(1);
    const began = performance.now();
    const asked = [ask(one, 'GET', 'own', 1500), ask(two, 'GET', 'adopted', 1500)];
    await untilRun('own');
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200]);
    expect(performance.now() - began).toBeGreaterThanOrEqual(3000);
    expect((await workers.runs()).map(run)).toEqual(['GET /own S1', 'GET /adopted S1']);
  });
});

describe('an adopter that was frozen for longer than its leases', () => {
  it('neither answers nor runs any job of the adopted queue when it wakes up', async () => {
    const current = system();
    const { running, commands, ask, end, untilRun } = await startWith(current, 2);
    const key = keyOf(running, 'S2');
    await end(1);
    const asked = [ask(key, 'GET', 'a', 800), ask(key, 'POST', 'b', 800)];
    await Promise.all([untilRun('a'), untilRun('b')]);
    commands[0]?.kill('SIGSTOP');
    const back = await workers.start(current, 'S2');
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 502]);
    commands[0]?.kill('SIGCONT');
    // No other worker has taken its own lease, so it continues to serve its own queue.
    await eventually(async () => (await leaseOf(current, 'S1'))?.state === 'ready');
    await untilInRing(running, 'S1', 'S2');
    expect((await ask(keyOf(running, 'S1'), 'GET', 'own')).status).toBe(200);
    expect((await leaseOf(current, 'S2'))?.pid).toBe(back.pid);
    expect((await workers.runs()).map(run).toSorted()).toEqual([
      'GET /a S1',
      'GET /a S2',
      'GET /own S1',
      'POST /b S1 1',
    ]);
  });
});

describe('a replica that was removed and dies before its queue is empty', () => {
  it('is adopted with its late jobs; running jobs end if its own worker does not come back', async () => {
    const current = system();
    const { running, commands, ask, untilRun } = await startWith(current, 2, { CONCURRENCY: '1' });
    const key = keyOf(running, 'S2');
    const first = ask(key, 'GET', 'first', 700);
    const second = ask(key, 'POST', 'second');
    await untilRun('first');
    const removed = await fetch(`${running.url}/rm`, {
      method: 'DELETE',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ n: 1, hostnames: ['S2'] }),
    });
    expect(removed.status).toBe(200);
    commands[1]?.kill('SIGKILL');
    expect((await second).status).toBe(200);
    expect(await (await first).json()).toMatchObject({ code: 'worker_died' });
    const queue = new Queue<JobData>(current.keys.queue('S2'), {
      connection: redisOptions(current.redisUrl, current.namespace),
      prefix: current.keys.prefix,
    });
    try {
      const data: JobData = {
        method: 'GET',
        target: '/late',
        headers: [],
        gateway: 'nobody',
        deadline: Date.now() + 20_000,
        redelivery: 'safe',
      };
      await queue.add('dispatch', data, { jobId: 'late-1' });
      await untilRun('late');
    } finally {
      await queue.close();
    }
    // Once the queue stays empty, the replica is removed entirely.
    await eventually(async () => (await current.redis.hexists(current.keys.retired, 'S2')) === 0);
    expect(await leaseOf(current, 'S2')).toBeUndefined();
    expect(await workers.runs()).toEqual(['GET /first S2 1', 'POST /second S1 1', 'GET /late S1 1']);
  });
});
