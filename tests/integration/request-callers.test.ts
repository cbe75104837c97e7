import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RingpostClient } from '#shared/client/client.ts';
import type { RequestView } from '#shared/contract/views.ts';
import { useSystem } from '../fixtures/system.ts';
import { eventually, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const alice = { authorization: 'Bearer alice' };
const mallory = { authorization: 'Bearer mallory' };
const flaky = fileURLToPath(new URL('../fixtures/handlers/flaky.ts', import.meta.url));
const adminToken = 'a-token-for-admins';
const admin = { authorization: `Bearer ${adminToken}` };

type Who = Readonly<Record<string, string>>;

async function startTwo(settings: NodeJS.ProcessEnv = {}) {
  const shared = { HANDLER: workers.handler, LEDGER: workers.ledger(), ADMIN_TOKEN: adminToken, ...settings };
  const { url: one } = await system().start({ REPLICAS: '2', ...shared });
  const second = await system().start({ ROLE: 'gateway', ...shared });
  await second.gateway.watcher.until(({ ring }) => ring.size === 2, 10_000);
  return [one, second.url] as const;
}

/** Sends an async request. @returns its id. */
async function sendAsync(url: string, path: string, who: Who): Promise<string> {
  const headers = { prefer: 'respond-async', ...who };
  const response = await fetch(`${url}${path}`, { method: 'POST', body: 'x', headers });
  expect(response.status).toBe(202);
  return ((await response.json()) as RequestView).id;
}

const unknownId = '3f333df6-90a4-4fda-8dd3-9485d27cee36.S1';

/** All calls about a request. */
const calls: readonly [string, (url: string, id: string, who: Who) => Promise<Response>][] = [
  ['its status', (url, id, headers) => fetch(`${url}/-/requests/${id}`, { headers })],
  ['a long poll', (url, id, headers) => fetch(`${url}/-/requests/${id}?wait=20`, { headers })],
  ['its reply', (url, id, headers) => fetch(`${url}/-/requests/${id}/reply`, { headers })],
  [
    'a long poll for its reply',
    (url, id, headers) => fetch(`${url}/-/requests/${id}/reply?wait=20`, { headers }),
  ],
  [
    'its stream',
    (url, id, headers) =>
      fetch(`${url}/-/requests/${id}`, { headers: { accept: 'text/event-stream', ...headers } }),
  ],
  ['DELETE', (url, id, headers) => fetch(`${url}/-/requests/${id}`, { method: 'DELETE', headers })],
];

/** An answer without its date, and with a placeholder for the id. */
async function shown(response: Response, id: string): Promise<object> {
  const headers = [...response.headers].filter(([name]) => name !== 'date');
  return { status: response.status, headers, body: (await response.text()).replaceAll(id, '<id>') };
}

/** Expects that every call is answered as if the request were unknown, and as fast. */
async function expectHidden(url: string, id: string, who: Who): Promise<void> {
  for (const [what, call] of calls) {
    const began = performance.now();
    const answer = await shown(await call(url, id, who), id);
    const tookMs = performance.now() - began;
    const unknown = await shown(await call(url, unknownId, who), unknownId);
    expect(answer, what).toEqual(unknown);
    expect(answer, what).toMatchObject({ status: 404 });
    expect(tookMs, what).toBeLessThan(1000);
  }
}

describe('a request whose caller has an Authorization or an API key', () => {
  it.each<[string, Who, Who]>([
    ['Authorization', alice, mallory],
    ['API key', { 'x-api-key': 'alice' }, { 'x-api-key': 'mallory' }],
  ])(
    'is visible only to that %s and to admins, whether it waits, runs or has ended',
    async (_, own, other) => {
      const [one, two] = await startTwo({ CONCURRENCY: '1' });
      const running = await sendAsync(one, '/run?ms=1200', { ...own, 'ringpost-key': 'k' });
      await eventually(async () => (await workers.runs()).length === 1);
      const queued = await sendAsync(one, '/queued', { ...own, 'ringpost-key': 'k' });
      for (const id of [running, queued]) {
        await expectHidden(two, id, other);
        await expectHidden(one, id, {});
        for (const who of [own, admin]) {
          const view = (await (
            await fetch(`${two}/-/requests/${id}`, { headers: who })
          ).json()) as RequestView;
          expect(view.id).toBe(id);
          expect(JSON.stringify(view)).not.toContain('caller');
        }
      }
      const ended = await fetch(`${two}/-/requests/${queued}?wait=20`, { headers: own });
      expect(await ended.json()).toMatchObject({ state: 'done' });
      for (const id of [running, queued]) {
        await expectHidden(two, id, other);
        await expectHidden(one, id, {});
        for (const who of [own, admin]) {
          const reply = await fetch(`${one}/-/requests/${id}/reply`, { headers: who });
          expect([reply.status, await reply.json()]).toEqual([200, expect.objectContaining({ attempt: 1 })]);
        }
      }
    },
  );

  it('can be cancelled by its caller, and not by others', async () => {
    const [one, two] = await startTwo();
    const id = await sendAsync(one, '/run?ms=20000', alice);
    await eventually(async () => (await workers.runs()).length === 1);
    const cancel = (headers: Who): Promise<Response> =>
      fetch(`${two}/-/requests/${id}`, { method: 'DELETE', headers });
    expect((await cancel(mallory)).status).toBe(404);
    const status = await fetch(`${two}/-/requests/${id}`, { headers: alice });
    expect(await status.json()).toMatchObject({ state: 'running' });
    expect(await (await cancel(alice)).json()).toMatchObject({ state: 'cancelled' });
    await expectHidden(one, id, mallory);
  });

  it('is hidden while its client waits, after a 504, and after its cancellation', async () => {
    const [one, two] = await startTwo({ CONCURRENCY: '1', REPLY_TIMEOUT_MS: '1500' });
    const { redis, keys } = system();
    const own = { ...alice, 'ringpost-key': 'k' };
    const running = fetch(`${one}/run?ms=3000`, { headers: own });
    await eventually(async () => (await workers.runs()).length === 1);
    const cancelled = fetch(`${one}/queued`, { headers: own });
    const [name = ''] = (await workers.runs())[0]?.split(' ').slice(2) ?? [];
    const { wait } = keys.unfinished(name);
    const queued = await eventually(async () => (await redis.lindex(wait, 0)) ?? undefined);
    await expectHidden(two, queued, mallory);
    expect((await fetch(`${two}/-/requests/${queued}`, { method: 'DELETE', headers: alice })).status).toBe(
      200,
    );
    expect((await cancelled).status).toBe(409);
    await expectHidden(two, queued, mallory);
    const late = await running;
    expect(late.status).toBe(504);
    const { instance } = (await late.json()) as { instance: string };
    const id = late.headers.get('ringpost-request') ?? '';
    const status = (headers: Who): Promise<Response> => fetch(`${two}${instance}`, { headers });
    await expect.poll(async () => (await status(alice)).status).toBe(200);
    await expectHidden(two, id, mallory);
  });

  it('stays hidden if Redis loses its record while it runs', async () => {
    const [one, two] = await startTwo();
    const id = await sendAsync(one, '/run?ms=800', alice);
    await eventually(async () => (await workers.runs()).length === 1);
    const { redis, keys } = system();
    await redis.unlink(keys.request(id.slice(-2), id));
    await expectHidden(two, id, mallory);
    const ended = async (): Promise<unknown> =>
      (await fetch(`${two}/-/requests/${id}`, { headers: alice })).json();
    await expect.poll(ended).toMatchObject({ state: 'done' });
    await expectHidden(two, id, mallory);
  });
});

describe('a request of any other caller', () => {
  it.each<[string, Who]>([
    ['none of the sources', {}],
    ['cookies alone', { cookie: 'session=alice' }],
  ])('with %s is visible to anyone who knows its id', async (_, who) => {
    const [one, two] = await startTwo();
    const id = await sendAsync(one, '/run', who);
    const view = await fetch(`${two}/-/requests/${id}?wait=20`, { headers: mallory });
    expect(await view.json()).toMatchObject({ state: 'done' });
    expect((await fetch(`${two}/-/requests/${id}/reply`)).status).toBe(200);
  });
});

describe('a dead letter that is redriven', () => {
  it('keeps the caller of its request, and that caller’s idempotency key', async () => {
    const [one, two] = await startTwo({ HANDLER: flaky });
    const sent = { ...alice, 'idempotency-key': 'k' };
    const path = '/x?fail=1&status=500';
    const id = await sendAsync(one, path, sent);
    const { redis, keys } = system();
    await expect.poll(() => redis.exists(keys.deadLetter(id))).toBe(1);
    await expectHidden(two, id, mallory);
    const letter = Object.values(await redis.hgetall(keys.deadLetter(id))).join('');
    expect(letter).not.toContain('alice');
    const redrive = await fetch(`${two}/-/dead-letters/${id}/redrive`, {
      method: 'POST',
      body: JSON.stringify({ headers: { authorization: 'Bearer service' } }),
      headers: { ...admin, 'content-type': 'application/json' },
    });
    const { request } = (await redrive.json()) as { request: string };
    expect(redrive.status).toBe(202);
    await expectHidden(two, request, mallory);
    await expectHidden(one, request, { authorization: 'Bearer service' });
    const view = await fetch(`${one}/-/requests/${request}?wait=20`, { headers: alice });
    expect(await view.json()).toMatchObject({ id: request, state: 'failed' });
    const repeat = (who: Who): Promise<Response> =>
      fetch(`${two}${path}`, { method: 'POST', body: 'x', headers: { ...who, 'idempotency-key': 'k' } });
    expect((await repeat(mallory)).status).toBe(422);
    expect((await repeat({ authorization: 'Bearer service' })).status).toBe(422);
    const again = await repeat(alice);
    expect([again.status, again.headers.get('ringpost-request')]).toEqual([500, request]);
    expect((await workers.runs()).filter((line) => line.startsWith('begin'))).toHaveLength(2);
  });
});

describe('the client', () => {
  it('identifies itself when it asks about its requests, as when it sent them', async () => {
    const [one] = await startTwo();
    const client = new RingpostClient(one, { headers: alice });
    const { id } = await client.submit('/run?ms=200', { method: 'POST', idempotencyKey: 'k' });
    expect((await client.finished(id)).state).toBe('done');
    expect((await client.reply(id)).status).toBe(200);
    const repeated = await client.submit('/run?ms=200', { method: 'POST', idempotencyKey: 'k' });
    expect(repeated).toMatchObject({ id, state: 'done' });
    const slow = await client.submit('/run?ms=20000');
    expect((await client.cancel(slow.id)).state).toBe('cancelled');
    const other = new RingpostClient(one, { headers: mallory });
    await expect(other.status(id)).rejects.toMatchObject({ code: 'not_found' });
    expect((await other.reply(id)).status).toBe(404);
    const operator = new RingpostClient(one, { adminToken });
    expect((await operator.status(id)).state).toBe('done');
    expect((await operator.reply(id)).status).toBe(200);
    const both = new RingpostClient(one, { adminToken, headers: alice });
    expect((await both.status(id)).state).toBe('done');
    expect(await both.replicas()).toEqual(['S1', 'S2']);
  });

  it('can name another caller for each request', async () => {
    const [one] = await startTwo();
    const client = new RingpostClient(one);
    const sent = { method: 'POST', idempotencyKey: 'k', headers: alice };
    const { id } = await client.submit('/run?ms=100', sent);
    await expect(client.status(id)).rejects.toMatchObject({ code: 'not_found' });
    expect((await client.finished(id, undefined, { headers: alice })).state).toBe('done');
    expect((await client.status(id, 0, { headers: alice })).state).toBe('done');
    expect((await client.reply(id, { headers: alice })).status).toBe(200);
    expect((await client.submit('/run?ms=100', sent)).id).toBe(id);
    const slow = await client.submit('/run?ms=20000', { headers: mallory });
    expect((await client.cancel(slow.id, { headers: mallory })).state).toBe('cancelled');
  });
});
