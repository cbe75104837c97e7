import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { requestId } from '#shared/contract/request-id.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

const start = (settings: NodeJS.ProcessEnv = {}): Promise<RunningGateway> =>
  system().start({ HANDLER: workers.handler, LEDGER: workers.ledger(), REPLICAS: '1', ...settings });

const pay = (url: string, path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}${path}`, { method: 'POST', body: 'x', headers: { 'idempotency-key': 'k', ...headers } });

const respondAsync = { prefer: 'respond-async' };
const replayed = (response: Response): string | null => response.headers.get('idempotent-replayed');
const idOf = (response: Response): string => response.headers.get('ringpost-request') ?? '';
const codeOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { code?: string }).code;

const runsOf = async (path: string): Promise<string[]> =>
  (await workers.runs()).filter((line) => line.includes(` ${path} `));
const cancel = (url: string, id: string): Promise<Response> =>
  fetch(`${url}/-/requests/${id}`, { method: 'DELETE' });

it('a key is compared by its bytes: one that ends in A0 differs from one without', async () => {
  const { url } = await start();
  const keyed = (key: string): Promise<Response> => pay(url, '/', { 'idempotency-key': key });
  const ids = [await keyed('c\xc3\xa0'), await keyed('c\xc3'), await keyed('c\xc3\xa0')].map(idOf);
  expect(ids[2]).toBe(ids[0]);
  expect(ids[1]).not.toBe(ids[0]);
});

describe('a first request that has started', () => {
  it.each([{}, { 'ringpost-retry': 'never' }])(
    'and timed out is not run again: its 504 is repeated (%j)',
    async (more) => {
      const { url } = await start({ REPLY_TIMEOUT_MS: '600' });
      const first = await pay(url, '/slow?ms=1500', more);
      expect(first.status).toBe(504);
      const again = await pay(url, '/slow?ms=1500', more);
      expect([again.status, replayed(again), idOf(again)]).toEqual([504, 'true', idOf(first)]);
      expect(await again.json()).toMatchObject({
        code: 'reply_timeout',
        instance: `/-/requests/${idOf(first)}`,
      });
      expect(await workers.runs()).toHaveLength(1);
    },
  );

  it('and was cancelled is not run again: its end is repeated', async () => {
    const { url } = await start();
    const first = await pay(url, '/long?ms=20000', respondAsync);
    await eventually(async () => (await workers.runs()).length === 1);
    expect(await (await cancel(url, idOf(first))).json()).toMatchObject({ state: 'cancelled' });
    const again = await pay(url, '/long?ms=20000');
    expect([again.status, replayed(again), idOf(again)]).toEqual([409, 'true', idOf(first)]);
    expect(await codeOf(again)).toBe('cancelled');
    expect(await workers.runs()).toHaveLength(1);
  });

  it('and was lost with its worker gives its 502 again if it is not repeatable', async () => {
    // Its only replica has to stay in the ring until the worker is replaced.
    const { url } = await start({ FAILOVER_MS: '60000' });
    const never = { 'ringpost-retry': 'never' };
    const first = pay(url, '/lost?ms=20000', never);
    await eventually(async () => (await workers.runs()).length === 1);
    process.kill((await leaseOf(system(), 'S1'))?.pid ?? 0, 'SIGKILL');
    expect((await first).status).toBe(502);
    const again = await pay(url, '/lost?ms=20000', never);
    expect([again.status, replayed(again)]).toEqual([502, 'true']);
    expect(await codeOf(again)).toBe('outcome_unknown');
    expect(await workers.runs()).toHaveLength(1);
  });

  it('and waits for a retry at its deadline is not run again', async () => {
    const { url } = await start({ HANDLER: handlerFile('flaky'), REPLY_TIMEOUT_MS: '1500' });
    // The second attempt is due after the deadline, or does not end before it.
    const first = await pay(url, '/x?fail=9&ms=1000', { 'ringpost-attempts': '9' });
    const again = await pay(url, '/x?fail=9&ms=1000', { 'ringpost-attempts': '9' });
    expect([again.status, replayed(again), idOf(again)]).toEqual([first.status, 'true', idOf(first)]);
  });
});

describe('a first request that certainly has not started', () => {
  it.each(['was cancelled', 'did not start by its deadline'])(
    'and %s makes way for a new one',
    async (how) => {
      const { url } = await start({ CONCURRENCY: '1' });
      const blocking = await fetch(`${url}/blocks?ms=1500`, { headers: respondAsync });
      await eventually(async () => (await runsOf('/blocks')).length === 1);
      const deadline = { 'ringpost-deadline': how === 'was cancelled' ? '60000' : '300' };
      const first = await pay(url, '/pay', { ...respondAsync, ...deadline });
      if (how === 'was cancelled') {
        expect(await (await cancel(url, idOf(first))).json()).toMatchObject({ state: 'cancelled' });
      } else {
        const end = await fetch(`${url}/-/requests/${idOf(first)}?wait=20`);
        expect(await end.json()).toMatchObject({ state: 'expired', attempts: 0 });
      }
      const again = await pay(url, '/pay');
      expect([again.status, replayed(again)]).toEqual([200, null]);
      await fetch(`${url}/-/requests/${idOf(blocking)}?wait=20`);
      expect(await runsOf('/pay')).toHaveLength(1);
    },
  );

  it('and is accepted late by a gateway that was frozen does not run', async () => {
    const current = system();
    const { url, gateway } = await start();
    const first = await pay(url, '/pay');
    // As if the gateway had claimed the key and was frozen before it added the job.
    const [claim = ''] = await current.redis.keys(`${current.keys.prefix}:idempotency:*`);
    const held = JSON.parse((await current.redis.get(claim)) ?? '') as object;
    const late = requestId('3f333df6-90a4-4fda-8dd3-9485d27cee36', 'S1');
    await current.redis.set(claim, JSON.stringify({ ...held, id: late }), 'PX', 60_000);
    const second = await pay(url, '/pay');
    expect([second.status, replayed(second)]).toEqual([200, null]);
    expect(idOf(second)).not.toBe(idOf(first));
    const accepted = Date.now();
    const refusal = await gateway.dispatcher.acceptAsync(
      { method: 'POST', target: '/pay', headers: ['idempotency-key', 'k'], body: Buffer.from('x') },
      {
        id: late,
        key: 'k',
        replica: 'S1',
        redelivery: 'safe',
        spilledFrom: undefined,
        maySpill: false,
        affinity: 'strict',
        keyLimit: {},
        refusal: undefined,
      },
      { accepted, deadline: accepted + 60_000, keepMs: 60_000, directives: {} },
    );
    expect(refusal?.status).toBe(503);
    const queued = async (): Promise<number> => current.redis.exists(current.keys.job('S1', late));
    await expect.poll(queued).toBe(0);
    expect(await runsOf('/pay')).toHaveLength(2);
  });

  it('because it was refused with 503 releases its key at once', async () => {
    const current = system();
    const { url } = await start({ QUEUE_LIMIT: '5', CONCURRENCY: '1' });
    const asked = Array.from({ length: 40 }, async (_, at) => {
      const key = `k${at}`;
      const answer = await pay(url, '/pay?ms=50', { 'idempotency-key': key });
      return { key, status: answer.status };
    });
    const answers = await Promise.all(asked);
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    const claims = await current.redis.keys(`${current.keys.prefix}:idempotency:*`);
    expect(claims).toHaveLength(answers.length - refused.length);
    for (const { key } of refused) {
      const again = await pay(url, '/pay?ms=50', { 'idempotency-key': key });
      expect([again.status, replayed(again)]).toEqual([200, null]);
    }
  });
});

describe('a claim', () => {
  it('of a delayed request lasts until its request has ended', async () => {
    const current = system();
    const { url } = await start({ IDEMPOTENCY_TTL_S: '1' });
    await pay(url, '/later', { ...respondAsync, 'ringpost-delay': '3600' });
    const [claim = ''] = await current.redis.keys(`${current.keys.prefix}:idempotency:*`);
    expect(await current.redis.pttl(claim)).toBeGreaterThan(3_600_000);
  });

  it('expires IDEMPOTENCY_TTL_S after the end, even if the deadline is much later', async () => {
    const { url } = await start({ IDEMPOTENCY_TTL_S: '1' });
    const first = await pay(url, '/pay', respondAsync);
    await fetch(`${url}/-/requests/${idOf(first)}?wait=20`);
    expect(replayed(await pay(url, '/pay'))).toBe('true');
    await expect.poll(async () => replayed(await pay(url, '/pay'))).toBeNull();
    expect(await runsOf('/pay')).toHaveLength(2);
  });

  it('never outlives its record: an end by DELETE is known as long as the key', async () => {
    const current = system();
    const { url } = await start({ IDEMPOTENCY_TTL_S: '3600', RESULT_TTL_S: '1' });
    const first = await pay(url, '/long?ms=20000', respondAsync);
    await eventually(async () => (await workers.runs()).length === 1);
    await cancel(url, idOf(first));
    const [claim = ''] = await current.redis.keys(`${current.keys.prefix}:idempotency:*`);
    const record = await current.redis.pttl(current.keys.request('S1', idOf(first)));
    expect(record).toBeGreaterThan(3_600_000);
    expect(await current.redis.exists(claim)).toBe(1);
  });
});

describe('429 and 503 of a handler', () => {
  it.each(['429', '503'])('are kept and repeated (%s)', async (status) => {
    const { url } = await start({ HANDLER: handlerFile('flaky') });
    const path = `/x?fail=1&status=${status}&retry-after=1`;
    expect((await pay(url, path)).status).toBe(Number(status));
    const again = await pay(url, path);
    expect([again.status, replayed(again)]).toEqual([Number(status), 'true']);
    expect((await workers.runs()).filter((line) => line.startsWith('begin'))).toHaveLength(1);
  });

  it.each(['429', '503'])('with Ringpost-Release-Key release the key (%s)', async (status) => {
    const { url } = await start({ HANDLER: handlerFile('flaky') });
    const path = `/x?fail=1&status=${status}&ringpost-release-key=1`;
    for (let times = 1; times <= 2; times += 1) {
      const answer = await pay(url, path);
      expect([answer.status, replayed(answer)]).toEqual([Number(status), null]);
      expect((await workers.runs()).filter((line) => line.startsWith('begin'))).toHaveLength(times);
    }
  });

  it('are the only ones: any other answer with Ringpost-Release-Key is kept', async () => {
    const { url } = await start({ HANDLER: handlerFile('flaky') });
    const path = '/x?fail=1&status=500&ringpost-release-key=1';
    await pay(url, path);
    expect(replayed(await pay(url, path))).toBe('true');
  });
});

describe('the spelling of a key', () => {
  it('may be bare or quoted: both are one key', async () => {
    const { url } = await start();
    const sent = ['8e03', '"8e03"', ' "8e03" ', '"8e03";a=1'];
    const answers = await Promise.all(sent.map((key) => pay(url, '/pay', { 'idempotency-key': key })));
    expect(new Set(answers.map(idOf)).size).toBe(1);
    expect(await workers.runs()).toHaveLength(1);
    expect((await pay(url, '/pay', { 'idempotency-key': '""' })).status).toBe(400);
  });

  it('two keys in one request are refused, since it is unclear which one counts', async () => {
    const { url } = await start();
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const asked = request(`${url}/pay`, { method: 'POST', headers: { 'idempotency-key': ['a', 'b'] } });
      asked.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject);
      asked.end('x');
    });
    expect(status).toBe(400);
    expect(await workers.runs()).toEqual([]);
  });
});
