import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { encodeJob } from '#shared/contract/job.ts';
import { createLogger } from '#shared/process/logger.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { keysAtRest } from '../fixtures/keys-at-rest.ts';
import { ask, json, speak } from '../fixtures/raw-http.ts';
import type { RawAnswer } from '../fixtures/raw-http.ts';
import { reported } from '../fixtures/reported.ts';
import type { Reported } from '../fixtures/reported.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';

const system = useSystem();

interface Held {
  readonly url: string;
  readonly gateway: RunningGateway['gateway'];
  readonly reports: Reported;
  readonly get: (path: string) => Promise<RawAnswer>;
}

/** Starts a system of one replica that runs one request at a time, as long as the test decides. */
async function held(settings: NodeJS.ProcessEnv = {}): Promise<Held> {
  const reports = await reported();
  const { url, gateway } = await system().start({
    REPLICAS: '1',
    CONCURRENCY: '1',
    HANDLER: './tests/fixtures/handlers/reporting.ts',
    ...settings,
  });
  return { url, gateway, reports, get: (target) => ask(url, { target, headers: reports.header }) };
}

const waiting = (): Promise<number> => system().redis.llen(`${system().keys.replica('S1')}:wait`);

describe('a request that is not answered by its deadline', () => {
  it('gets a 504 problem, its signal fires, and its slot is free again', async () => {
    const { reports, get } = await held({ REPLY_TIMEOUT_MS: '600' });
    const asked = performance.now();
    const late = await get('/never');
    const took = performance.now() - asked;
    expect([late.status, headerValue(late.headers, 'content-type')]).toEqual([
      504,
      'application/problem+json',
    ]);
    expect(json(late)).toMatchObject({ code: 'reply_timeout', status: 504 });
    expect(headerValue(late.headers, 'ringpost-replica')).toBe('S1');
    expect(took).toBeGreaterThanOrEqual(595);
    expect(took).toBeLessThan(1600);
    await reports.untilAborted('/never');
    expect(reports.aborted).toEqual([['/never', 'TimeoutError']]);
    const next = await get('/now/next');
    expect([next.status, next.body.toString()]).toEqual([200, 'now']);
    await keysAtRest(system());
  });

  it('is taken back if it has not started by then, and never runs', async () => {
    const { reports, get } = await held();
    const first = get('/first');
    await reports.untilStarted('/first');
    const hasty = await system().start({ ROLE: 'gateway', REPLY_TIMEOUT_MS: '100' });
    const asked = ['/now/a', '/now/b'].map((target) => ask(hasty.url, { target, headers: reports.header }));
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([504, 504]);
    await expect.poll(waiting, { interval: 5 }).toBe(0);
    reports.release('/first', 'done');
    expect((await first).status).toBe(200);
    expect((await get('/now/after')).status).toBe(200);
    expect(reports.started).toEqual(['/first', '/now/after']);
    await keysAtRest(system());
  });

  it('is dropped by the worker before it starts, if the gateway could not take it back', async () => {
    const { reports, get } = await held();
    const { redis, keys } = system();
    const queues = new JobQueues(new Connection(redis, keys.prefix), createLogger('test', 'silent'));
    const request = { method: 'GET', target: '/now/past', headers: reports.header, body: Buffer.alloc(0) };
    const job = { gateway: 'gone', deadline: Date.now() - 1, redelivery: 'safe' } as const;
    await queues.add('S1', randomUUID(), encodeJob(request, job));
    await queues.close();
    expect((await get('/now/after')).status).toBe(200);
    expect(reports.started).toEqual(['/now/after']);
    await keysAtRest(system());
  });

  it.each([{}, { CONSUMER: 'stock' }])(
    'gets 504 as soon as its worker drops it, and never an unknown outcome (%o)',
    async (settings) => {
      const { url, gateway, reports, get } = await held(settings);
      const { redis, keys } = system();
      const first = get('/first');
      await reports.untilStarted('/first');
      const headers = reports.header;
      const plain = ask(url, { method: 'POST', target: '/now/plain', headers });
      const ordered = ask(url, {
        method: 'POST',
        target: '/now/ordered',
        headers: [...headers, 'Ringpost-Order', 'key', 'Ringpost-Key', 'k'],
      });
      const ids = (): string[] => gateway.dispatcher.waiting.slice(1);
      const jobs = async (): Promise<number> => redis.exists(...ids().map((id) => keys.job('S1', id)));
      await expect.poll(async () => ids().length === 2 && (await jobs()) === 2, { interval: 5 }).toBe(true);
      // The gateway itself would wait much longer, as if it had measured its clock badly.
      for (const id of ids()) {
        const data = (await redis.hget(keys.job('S1', id), 'data')) ?? '';
        await redis.hset(
          keys.job('S1', id),
          'data',
          data.replace(/"deadline":\d+/, `"deadline":${Date.now()}`),
        );
      }
      reports.release('/first', 'done');
      for (const answer of await Promise.all([plain, ordered])) {
        expect([answer.status, json(answer)]).toMatchObject([504, { code: 'reply_timeout' }]);
      }
      expect((await first).status).toBe(200);
      expect(reports.started).toEqual(['/first']);
      await keysAtRest(system());
    },
  );

  it('leaves no body in Redis if the worker drops it', async () => {
    const { get } = await held();
    const { redis, keys } = system();
    const queues = new JobQueues(new Connection(redis, keys.prefix), createLogger('test', 'silent'));
    const body = Buffer.alloc(100_000);
    const job = { gateway: 'gone', deadline: Date.now() - 1, redelivery: 'never' } as const;
    const id = randomUUID();
    await queues.add('S1', id, encodeJob({ method: 'POST', target: '/', headers: [], body }, job), {
      body,
      ttlMs: 60_000,
    });
    await queues.close();
    expect((await get('/now/after')).status).toBe(200);
    await keysAtRest(system());
  });

  it('is aborted: an answer that comes too late is dropped', async () => {
    const { reports, get, gateway } = await held({ REPLY_TIMEOUT_MS: '500', CONCURRENCY: '2' });
    expect((await get('/late')).status).toBe(504);
    reports.release('/late', 'too late');
    expect((await get('/now/next')).body.toString()).toBe('now');
    expect(gateway.dispatcher.waitingCount).toBe(0);
    await keysAtRest(system());
  });
});

describe('a client that leaves', () => {
  it('takes back its request if that has not started, so that no handler sees it', async () => {
    const { url, gateway, reports, get } = await held();
    const first = get('/first');
    await reports.untilStarted('/first');
    const [name, to] = reports.header;
    const body = 'x'.repeat(100_000); // stored in a separate key
    const head = `Host: a\r\n${name}: ${to}\r\nContent-Length: ${body.length}\r\n\r\n`;
    const client = await speak(url, `POST /now/gone HTTP/1.1\r\n${head}${body}`);
    await expect.poll(waiting, { interval: 5 }).toBe(1);
    client.socket.destroy();
    await expect.poll(waiting, { interval: 5 }).toBe(0);
    expect(gateway.dispatcher.waitingCount).toBe(1);
    reports.release('/first', 'done');
    expect((await first).body.toString()).toBe('done');
    expect((await get('/now/after')).status).toBe(200);
    expect(reports.started).toEqual(['/first', '/now/after']);
    await keysAtRest(system());
  });

  it('does not abort its running POST, whose answer is dropped', async () => {
    const { url, gateway, reports, get } = await held();
    const [name, to] = reports.header;
    const client = await speak(url, `POST /first HTTP/1.1\r\nHost: a\r\n${name}: ${to}\r\n\r\n`);
    await reports.untilStarted('/first');
    client.socket.destroy();
    await expect.poll(() => gateway.dispatcher.waitingCount, { interval: 5 }).toBe(0);
    const next = get('/now/next');
    await expect.poll(waiting, { interval: 5 }).toBe(1);
    expect(reports.aborted).toEqual([]);
    reports.release('/first', 'x'.repeat(100_000)); // stored in a separate key
    expect((await next).status).toBe(200);
    await expect.poll(() => gateway.dispatcher.unclaimedCount, { interval: 5 }).toBe(1);
    expect(reports.started).toEqual(['/first', '/now/next']);
    await keysAtRest(system());
  });
});

describe('requests above the concurrency of a replica', () => {
  it('wait, and run in the order of their arrival', async () => {
    const { reports, get } = await held();
    const first = get('/first');
    await reports.untilStarted('/first');
    const answers: Promise<RawAnswer>[] = [];
    for (const path of ['/now/1', '/now/2', '/now/3']) {
      answers.push(get(path));
      await expect.poll(waiting, { interval: 5 }).toBe(answers.length);
    }
    reports.release('/first', 'done');
    expect((await Promise.all([first, ...answers])).map(({ status }) => status)).toEqual([
      200, 200, 200, 200,
    ]);
    expect(reports.started).toEqual(['/first', '/now/1', '/now/2', '/now/3']);
  });
});
