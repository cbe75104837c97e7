import { describe, expect, it } from 'vitest';
import { replicaOf } from '#shared/contract/request-id.ts';
import { useSystem } from '../fixtures/system.ts';
import type { System } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

/** Starts two gateways over the same replicas. */
async function startTwo(current: System, settings: NodeJS.ProcessEnv = {}) {
  const shared = { HANDLER: workers.handler, LEDGER: workers.ledger(), ...settings };
  const first = await current.start({ REPLICAS: '2', ...shared });
  const second = await current.start({ ROLE: 'gateway', ...shared });
  await second.gateway.watcher.until(({ ring }) => ring.size === 2, 10_000);
  return { first, second, urls: [first.url, second.url] as const };
}

interface Sent {
  readonly key: string;
  readonly body?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

const send = (url: string, { key, body = 'x', method = 'POST', headers = {} }: Sent): Promise<Response> =>
  fetch(url, {
    method,
    headers: { 'idempotency-key': key, ...headers },
    ...(method === 'GET' ? {} : { body }),
  });

describe('Idempotency-Key', () => {
  it('repeats the first answer byte for byte, from any gateway', async () => {
    const { urls } = await startTwo(system());
    const first = await send(`${urls[0]}/pay`, { key: 'a' });
    expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([200, null]);
    const text = await first.text();
    for (const url of urls) {
      const again = await send(`${url}/pay`, { key: 'a' });
      expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
      expect(await again.text()).toBe(text);
      expect(again.headers.get('ringpost-request')).toBe(first.headers.get('ringpost-request'));
      const without = (response: Response): string[] =>
        [...response.headers].filter(([name]) => !/^(date|idempotent-replayed)$/.test(name)).map(String);
      expect(without(again)).toEqual(without(first));
    }
    expect(await workers.runs()).toHaveLength(1);
  });

  it('is separate for each method and target, and for each tenant in HASH_KEY', async () => {
    const { urls } = await startTwo(system(), { HASH_KEY: 'header:tenant,random' });
    const sent: [string, Sent][] = [
      ['/pay', { key: 'a' }],
      ['/pay?x', { key: 'a' }],
      ['/pay', { key: 'a', method: 'PUT' }],
      ['/pay', { key: 'b' }],
      ['/pay', { key: 'a', headers: { tenant: 't1' } }],
      ['/pay', { key: 'a', headers: { tenant: 't2' } }],
    ];
    for (const [path, what] of sent) {
      const answer = await send(`${urls[0]}${path}`, what);
      expect([answer.status, answer.headers.get('idempotent-replayed')]).toEqual([200, null]);
    }
    for (const [path, what] of sent) {
      const answer = await send(`${urls[1]}${path}`, what);
      expect(answer.headers.get('idempotent-replayed')).toBe('true');
    }
    expect(await workers.runs()).toHaveLength(sent.length);
  });

  it('gives 422 to another request under the same key', async () => {
    const { urls } = await startTwo(system());
    await send(`${urls[0]}/pay`, { key: 'a', body: '10' });
    const other = await send(`${urls[1]}/pay`, { key: 'a', body: '20' });
    expect(other.status).toBe(422);
    expect(await other.json()).toMatchObject({ code: 'idempotency_key_reused' });
    expect(await workers.runs()).toHaveLength(1);
  });

  it.each(['', ' ', 'x'.repeat(256)])('refuses %j, which is not a key', async (key) => {
    const { url } = await system().start({ REPLICAS: '1' });
    expect((await send(`${url}/home`, { key })).status).toBe(400);
  });

  it('runs 500 simultaneous repeats over two gateways once, with 500 equal answers', async () => {
    const { urls } = await startTwo(system());
    const answers = await Promise.all(
      Array.from({ length: 500 }, async (_, at) => {
        const response = await send(`${urls[at % 2 === 0 ? 0 : 1]}/pay?ms=300`, { key: 'a' });
        return `${response.status} ${response.headers.get('ringpost-request')} ${await response.text()}`;
      }),
    );
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatch(/^200 /);
    expect(await workers.runs()).toHaveLength(1);
  });

  it('waits for the first request while it runs, even if its gateway has died', async () => {
    const { first, urls } = await startTwo(system());
    const running = send(`${urls[0]}/pay?ms=1500`, { key: 'a' }).catch(() => 'gone');
    await eventually(async () => (await workers.runs()).length === 1);
    // The gateway loses its connections; the controller beside it continues.
    first.gateway.app.server.closeAllConnections();
    expect(await running).toBe('gone');
    const again = await send(`${urls[1]}/pay?ms=1500`, { key: 'a' });
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(await workers.runs()).toHaveLength(1);
  });

  it('is answered by the replacement if the worker died while it ran the request', async () => {
    const current = system();
    const { urls } = await startTwo(current);
    const asked = send(`${urls[0]}/pay?ms=700`, { key: 'a' });
    await eventually(async () => (await workers.runs()).length === 1);
    for (const name of ['S1', 'S2']) process.kill((await leaseOf(current, name))?.pid ?? 0, 'SIGKILL');
    expect((await asked).status).toBe(200);
    const again = await send(`${urls[1]}/pay?ms=700`, { key: 'a' });
    expect(await again.json()).toMatchObject({ attempt: 2 });
  });

  it('is free again if the gateway that claimed it died before it added the job', async () => {
    const current = system();
    const { urls } = await startTwo(current);
    await send(`${urls[0]}/pay`, { key: 'a' });
    const [claim = ''] = await current.redis.keys(`${current.keys.prefix}:idempotency:*`);
    const held = JSON.parse((await current.redis.get(claim)) ?? '') as object;
    const unknown = { ...held, id: '3f333df6-90a4-4fda-8dd3-9485d27cee36.S1' };
    await current.redis.set(claim, JSON.stringify(unknown));
    const answer = await send(`${urls[1]}/pay`, { key: 'a' });
    expect([answer.status, answer.headers.get('idempotent-replayed')]).toEqual([200, null]);
    expect(await workers.runs()).toHaveLength(2);
  });

  it('is free again if the gateway died between the record and the job', async () => {
    const current = system();
    const { urls } = await startTwo(current);
    await send(`${urls[0]}/pay`, { key: 'a' });
    const [claim = ''] = await current.redis.keys(`${current.keys.prefix}:idempotency:*`);
    const held = JSON.parse((await current.redis.get(claim)) ?? '') as { id: string };
    const record = current.keys.request(replicaOf(held.id) ?? '', held.id);
    // A request that waits, and that no worker has started.
    await current.redis.hdel(record, 'started', 'finished', 'status', 'attempts');
    await current.redis.hset(record, 'state', 'queued');
    const asked = performance.now();
    const answer = await send(`${urls[1]}/pay`, { key: 'a' });
    expect([answer.status, answer.headers.get('idempotent-replayed')]).toEqual([200, null]);
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(await workers.runs()).toHaveLength(2);
  });

  it('with Prefer: respond-async names the first request to all repeats', async () => {
    const { urls } = await startTwo(system());
    const asyncRequest = { key: 'a', headers: { prefer: 'respond-async' } };
    const first = await send(`${urls[0]}/pay?ms=300`, asyncRequest);
    const again = await send(`${urls[1]}/pay?ms=300`, asyncRequest);
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    const waited = await send(`${urls[1]}/pay?ms=300`, { key: 'a' });
    expect(waited.status).toBe(200);
    expect(await workers.runs()).toHaveLength(1);
  });

  it('has no effect on GET, and leaves nothing behind after its TTL', async () => {
    const current = system();
    const { urls } = await startTwo(current, { IDEMPOTENCY_TTL_S: '1' });
    for (let times = 0; times < 2; times += 1) {
      expect(
        (await send(`${urls[0]}/get`, { key: 'a', method: 'GET' })).headers.get('idempotent-replayed'),
      ).toBeNull();
    }
    await send(`${urls[0]}/pay`, { key: 'a' });
    const left = async (): Promise<string[]> =>
      (await current.redis.keys(`${current.keys.prefix}:*`)).filter((key) =>
        /:(idempotency|request|kept-reply):/.test(key),
      );
    expect(await left()).not.toEqual([]);
    await expect.poll(left).toEqual([]);
    expect((await send(`${urls[0]}/pay`, { key: 'a' })).headers.get('idempotent-replayed')).toBeNull();
  });
});
