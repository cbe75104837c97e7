import { describe, expect, it } from 'vitest';
import { useSystem } from '../fixtures/system.ts';
import type { System } from '../fixtures/system.ts';
import { eventually, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

interface View {
  readonly id: string;
  readonly state: string;
  readonly replica: string;
  readonly attempts: number;
  readonly status?: number;
  readonly code?: string;
  readonly times: Readonly<Record<string, string | number | null>>;
  readonly links: Readonly<Record<string, string>>;
}

/** Starts two gateways over the same replicas, and functions that call them. */
async function startTwo(current: System, settings: NodeJS.ProcessEnv = {}) {
  const shared = { HANDLER: workers.handler, LEDGER: workers.ledger(), ...settings };
  const first = await current.start({ REPLICAS: '2', ...shared });
  const second = await current.start({ ROLE: 'gateway', ...shared });
  await second.gateway.watcher.until(({ ring }) => ring.size === 2, 10_000);
  const [one, two] = [first.url, second.url];
  const send = async (
    path: string,
    prefer: string,
    { headers, ...init }: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
  ): Promise<Response> => fetch(`${one}${path}`, { ...init, headers: { prefer, ...headers } });
  const view = async (location: string, query = ''): Promise<View> =>
    (await (await fetch(`${two}${location}${query}`)).json()) as View;
  return { first, one, two, send, view };
}

const location = (response: Response): string => response.headers.get('location') ?? '';

describe('Prefer: respond-async', () => {
  it('gives 202 at once; any gateway then serves the record and the unchanged answer', async () => {
    const { send, view, two } = await startTwo(system());
    const accepted = await send('/work?ms=400', 'respond-async', { method: 'POST', body: 'x' });
    expect(accepted.status).toBe(202);
    expect(accepted.headers.get('preference-applied')).toBe('respond-async');
    expect(accepted.headers.get('retry-after')).toBe('1');
    expect(location(accepted)).toBe(`/-/requests/${accepted.headers.get('ringpost-request')}`);
    expect(await accepted.json()).toMatchObject({ state: 'queued', method: 'POST', target: '/work?ms=400' });
    const early = await fetch(`${two}${location(accepted)}/reply`);
    expect(early.status).toBe(409);
    expect(await early.json()).toMatchObject({ code: 'not_finished' });
    const running = await eventually(async () => {
      const now = await view(location(accepted));
      return now.state === 'running' && now;
    });
    expect(running.attempts).toBe(1);
    const done = await view(location(accepted), '?wait=20');
    expect(done).toMatchObject({ state: 'done', status: 200, attempts: 1, replica: running.replica });
    expect(done.times['serviceMs']).toBeGreaterThanOrEqual(399);
    expect(done.links['cancel']).toBeUndefined();
    for (let times = 0; times < 2; times += 1) {
      const answer = await fetch(`${two}${location(accepted)}/reply`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('application/json');
      expect(await answer.json()).toEqual({ replica: running.replica, attempt: 1 });
    }
    expect(await workers.runs()).toHaveLength(1);
  });

  it('with wait gives the answer if it comes in time, and 202 otherwise', async () => {
    const { send, view } = await startTwo(system());
    const inTime = await send('/quick?ms=50', 'respond-async, wait=5');
    expect(inTime.status).toBe(200);
    expect(inTime.headers.get('preference-applied')).toBe('respond-async, wait=5');
    expect(await inTime.json()).toMatchObject({ attempt: 1 });
    const late = await send('/slow?ms=1500', 'respond-async, wait=1');
    expect(late.status).toBe(202);
    expect(await late.json()).toMatchObject({ state: 'running' });
    expect((await view(location(late), '?wait=5')).state).toBe('done');
  });

  it('is refused at once if the request cannot be dispatched', async () => {
    const { send } = await startTwo(system(), { HASH_KEY: 'header:tenant' });
    const refused = await send('/x', 'respond-async');
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ code: 'hash_key_missing' });
    const odd = await send('/x', 'respond-async', { headers: { tenant: 't', 'ringpost-retry': 'perhaps' } });
    expect(odd.status).toBe(400);
  });

  it('is done by the replacement if its worker dies, or fails if it is not repeatable', async () => {
    const current = system();
    const { send, view } = await startTwo(current);
    const get = await send('/get?ms=800', 'respond-async');
    const post = await send('/post?ms=800', 'respond-async', { method: 'POST' });
    await eventually(async () => (await workers.runs()).length === 2);
    for (const name of ['S1', 'S2']) {
      const { pid } = JSON.parse((await current.redis.get(current.keys.lease(name))) ?? '') as {
        pid: number;
      };
      process.kill(pid, 'SIGKILL');
    }
    expect(await view(location(get), '?wait=20')).toMatchObject({ state: 'done', attempts: 2 });
    expect(await view(location(post), '?wait=20')).toMatchObject({
      state: 'failed',
      status: 502,
      code: 'outcome_unknown',
    });
    expect((await workers.runs()).filter((line) => line.startsWith('POST'))).toHaveLength(1);
  });

  it('keeps the answer for RESULT_TTL_S: then it is 410, and later the record is 404', async () => {
    const { send, view, two } = await startTwo(system(), { RESULT_TTL_S: '1' });
    const accepted = await send('/x', 'respond-async');
    await view(location(accepted), '?wait=5');
    const status = async (path: string): Promise<number> =>
      (await fetch(`${two}${location(accepted)}${path}`)).status;
    await expect.poll(() => status('/reply')).toBe(410);
    await expect.poll(() => status('')).toBe(404);
    const { redis, keys } = system();
    const left = await redis.keys(`${keys.prefix}:*request*`);
    // The indexes expire by themselves, up to a minute later.
    const indexes = left.filter((key) => key.includes(':requests:'));
    for (const key of indexes) expect(await redis.pttl(key)).not.toBe(-1);
    expect(left.filter((key) => !indexes.includes(key))).toEqual([]);
  });
});

describe('Prefer: wait', () => {
  it('limits how long the client waits; then 504 names the URL of the request', async () => {
    const { send, view } = await startTwo(system());
    const began = performance.now();
    const late = await send('/slow?ms=3000', 'wait=1');
    expect(late.status).toBe(504);
    expect(performance.now() - began).toBeLessThan(2500);
    const { code, instance } = (await late.json()) as { code: string; instance: string };
    expect([code, instance]).toEqual([
      'reply_timeout',
      `/-/requests/${late.headers.get('ringpost-request')}`,
    ]);
    await expect.poll(async () => (await view(instance)).state).toBe('expired');
  });
});

describe('DELETE /-/requests/<id>', () => {
  it('takes back a queued request, from any gateway, so that it never runs', async () => {
    const { send, view, two } = await startTwo(system(), { CONCURRENCY: '1', HASH_KEY: 'header:k' });
    const k = { headers: { k: '1' } };
    const first = await send('/first?ms=700', 'respond-async', k);
    const second = await send('/second', 'respond-async', k);
    const cancelled = await fetch(`${two}${location(second)}`, { method: 'DELETE' });
    expect([cancelled.status, ((await cancelled.json()) as View).state]).toEqual([200, 'cancelled']);
    expect((await view(location(first), '?wait=5')).state).toBe('done');
    const answer = await fetch(`${two}${location(second)}/reply`);
    expect([answer.status, ((await answer.json()) as View).code]).toEqual([409, 'cancelled']);
    expect((await workers.runs()).map((line) => line.split(' ')[1])).toEqual(['/first']);
    const again = await fetch(`${two}${location(second)}`, { method: 'DELETE' });
    expect([again.status, ((await again.json()) as View).code]).toEqual([409, 'already_finished']);
  });

  it('ends a running request: its signal fires, and its waiting client is told', async () => {
    const current = system();
    const { one, two, send, view } = await startTwo(current);
    const accepted = await send('/async?ms=20000', 'respond-async');
    const waited = fetch(`${one}/waited?ms=20000`);
    await eventually(async () => (await workers.runs()).length === 2);
    const cancelled = await fetch(`${two}${location(accepted)}`, { method: 'DELETE' });
    expect(await cancelled.json()).toMatchObject({ state: 'cancelled', attempts: 1 });
    expect((await view(location(accepted))).state).toBe('cancelled');
    // The plain request has no record; only its job is known.
    const ids = await Promise.all(
      ['S1', 'S2'].map((name) => current.redis.lrange(current.keys.unfinished(name).active, 0, -1)),
    );
    const [id = ''] = ids.flat();
    expect(await view(`/-/requests/${id}`)).toMatchObject({ state: 'running', target: '/waited?ms=20000' });
    await fetch(`${two}/-/requests/${id}`, { method: 'DELETE' });
    const answer = await waited;
    expect([answer.status, ((await answer.json()) as View).code]).toEqual([409, 'cancelled']);
  });
});

describe('Accept: text/event-stream', () => {
  it('sends each change once, and after a reconnect only what was missed', async () => {
    const { send, two } = await startTwo(system());
    const accepted = await send('/work?ms=500', 'respond-async');
    const stream = async (headers: Record<string, string> = {}): Promise<string[]> => {
      const response = await fetch(`${two}${location(accepted)}`, {
        headers: { accept: 'text/event-stream', ...headers },
      });
      expect(response.headers.get('content-type')).toBe('text/event-stream');
      return [...(await response.text()).matchAll(/^id: (\d+)\nevent: (\w+)$/gm)].map(
        ([, id, event]) => `${id} ${event}`,
      );
    };
    const all = await stream();
    expect(all.at(-1)).toBe('3 done');
    expect(['1 queued', '2 running']).toContain(all[0]);
    expect(await stream({ 'last-event-id': '2' })).toEqual(['3 done']);
  });
});

describe('an unknown request is 404', () => {
  it.each(['x', '3f333df6-90a4-4fda-8dd3-9485d27cee36.S1', '3f333df6-90a4-4fda-8dd3-9485d27cee36'])(
    '%s',
    async (id) => {
      const { url } = await system().start({ REPLICAS: '1' });
      for (const [method, path] of [
        ['GET', ''],
        ['GET', '/reply'],
        ['DELETE', ''],
      ]) {
        const answer = await fetch(`${url}/-/requests/${id}${path}`, { method: method ?? 'GET' });
        expect(answer.status).toBe(404);
      }
    },
  );
});
