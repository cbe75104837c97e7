import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { DeadLetterPageView, DeadLetterView, RequestView } from '#shared/contract/views.ts';
import { useSystem } from '../fixtures/system.ts';
import { leaseOf, eventually, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const handler = fileURLToPath(new URL('../fixtures/handlers/flaky.ts', import.meta.url));

/** Starts two gateways: the first one accepts requests, the second one serves the letters. */
async function startTwo(settings: NodeJS.ProcessEnv = {}) {
  const shared = { HANDLER: handler, LEDGER: workers.ledger(), ...settings };
  const { url: one } = await system().start({ REPLICAS: '2', ...shared });
  const second = await system().start({ ROLE: 'gateway', ...shared });
  await second.gateway.watcher.until(({ ring }) => ring.size === 2, 10_000);
  const two = second.url;
  const ended = async (id: string, headers: Record<string, string> = {}): Promise<RequestView> =>
    (await (await fetch(`${two}/-/requests/${id}?wait=20`, { headers })).json()) as RequestView;
  /** Sends an async request and waits for its end. @returns its id and record. */
  const run = async (
    path: string,
    { headers, ...init }: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
  ) => {
    const response = await fetch(`${one}${path}`, {
      ...init,
      headers: { prefer: 'respond-async', ...headers },
    });
    await response.arrayBuffer();
    expect(response.status).toBe(202);
    const id = response.headers.get('ringpost-request') ?? '';
    const view = await ended(id, headers);
    const filed = async (): Promise<boolean> =>
      (await system().redis.exists(system().keys.deadLetter(id))) === 1;
    // The letter is filed shortly after the end is known.
    await expect.poll(filed).toBe(view.state === 'failed' || view.state === 'expired');
    return { id, view };
  };
  const list = async (query = ''): Promise<DeadLetterPageView> =>
    (await (await fetch(`${two}/-/dead-letters${query}`)).json()) as DeadLetterPageView;
  const ids = async (query = ''): Promise<string[]> => (await list(query)).letters.map(({ id }) => id);
  const read = async (id: string): Promise<DeadLetterView> =>
    (await (await fetch(`${two}/-/dead-letters/${id}`)).json()) as DeadLetterView;
  const post = async (path: string, body?: object): Promise<Response> =>
    fetch(`${two}/-/dead-letters/${path}`, {
      method: 'POST',
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
  return { one, two, run, ended, list, ids, read, post };
}

describe('a dead letter', () => {
  it('keeps the request, the answer and the reason of a failure, without secrets', async () => {
    const { run, list, read } = await startTwo({ REDACT_HEADERS: 'X-Api-Key' });
    const headers = {
      authorization: 'Bearer hidden',
      cookie: 'session=hidden',
      'x-api-key': 'hidden',
      'x-shown': 'shown',
    };
    await run('/fine');
    const { id, view } = await run('/x?fail=9&status=503', { method: 'POST', body: 'the body', headers });
    expect(view).toMatchObject({ state: 'failed', code: 'http_503' });
    expect((await list()).letters).toMatchObject([
      {
        id,
        state: 'failed',
        code: 'http_503',
        status: 503,
        method: 'POST',
        target: '/x?fail=9&status=503',
        attempts: 1,
      },
    ]);
    const letter = await read(id);
    expect(letter.request).toMatchObject({ encoding: 'utf8', body: 'the body' });
    expect(letter.reply).toMatchObject({ status: 503, body: 'failed 1' });
    const shown = new Map(letter.request?.headers.map(([name, value]) => [name.toLowerCase(), value]));
    expect(shown.get('x-shown')).toBe('shown');
    expect(shown.get('authorization')).toBe('[redacted]');
    expect(letter.missingHeaders.toSorted()).toEqual(['authorization', 'cookie', 'x-api-key']);
    const { redis, keys } = system();
    const stored = Object.values(await redis.hgetall(keys.deadLetter(id))).join('');
    expect(stored).not.toContain('hidden');
  });

  it('is filed for a lost POST, an expired request, and a body in a separate key', async () => {
    const { run, ids, read } = await startTwo({ BODY_LIMIT_BYTES: '2000000' });
    const body = 'x'.repeat(200_000);
    const large = await run('/x?fail=9&status=500', { method: 'PUT', body });
    expect((await read(large.id)).request?.body).toBe(body);
    const late = await run('/slow?ms=5000', { headers: { 'ringpost-deadline': '300' } });
    expect(late.view.state).toBe('expired');
    await expect.poll(() => ids('?code=reply_timeout')).toEqual([late.id]);
    const lost = run('/slow?ms=2000', { method: 'POST', headers: { 'ringpost-key': 'k' } });
    await eventually(async () => (await workers.runs()).some((line) => line.startsWith('begin POST /slow')));
    for (const name of ['S1', 'S2']) process.kill((await leaseOf(system(), name))?.pid ?? 0, 'SIGKILL');
    await expect.poll(() => ids('?code=outcome_unknown')).toEqual([(await lost).id]);
  });

  it('is found page by page, by replica, code and time', async () => {
    const { run, list, ids, two } = await startTwo();
    const all: string[] = [];
    for (const at of Array.from({ length: 7 }).keys()) {
      const { id } = await run(`/x?fail=9&status=${at % 2 === 0 ? 500 : 503}`);
      all.unshift(id);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const paged: string[] = [];
    for (let path: string | null = '/-/dead-letters?limit=3'; path !== null;) {
      const page = (await (await fetch(`${two}${path}`)).json()) as DeadLetterPageView;
      expect(page.letters.length).toBeLessThanOrEqual(3);
      paged.push(...page.letters.map(({ id }) => id));
      path = page.next;
    }
    expect(paged).toEqual(all);
    expect(await ids('?code=http_503')).toEqual(all.filter((_, at) => at % 2 === 1));
    const { letters } = await list();
    expect(await ids('?replica=S1')).toEqual(
      letters.filter(({ replica }) => replica === 'S1').map(({ id }) => id),
    );
    const middle = letters[3]?.times.ended ?? '';
    expect(await ids(`?since=${middle}`)).toEqual(all.slice(0, 4));
    expect(await ids(`?until=${middle}`)).toEqual(all.slice(3));
    expect(await ids('?since=2026-01-31T12:00:00%2B02:00&until=2999-01-31')).toEqual(all);
    // Without a time zone, each gateway would read another time.
    const zoneless = ['?since=2026-01-31T12:00:00', '?until=2026-01-31%2012:00:00Z'];
    for (const query of [...zoneless, '?limit=0', '?since=yesterday', '?after=x', '?sort=up', '?code=']) {
      expect((await fetch(`${two}/-/dead-letters${query}`)).status, query).toBe(400);
    }
  });

  it('is redriven once, under a new id, with the given secrets', async () => {
    const { run, ended, ids, read, post } = await startTwo({ HASH_KEY: 'header:tenant,random' });
    const { id } = await run('/x?fail=1&status=500', {
      method: 'POST',
      body: 'b',
      headers: { authorization: 'Bearer t', tenant: 't1' },
    });
    const letter = await read(id);
    const [first, second] = await Promise.all([
      post(`${id}/redrive`, { headers: { authorization: 'Bearer t' } }),
      post(`${id}/redrive`, { headers: { authorization: 'Bearer t' } }),
    ]);
    const statuses = [first.status, second.status].toSorted((one, other) => one - other);
    expect(statuses[0]).toBe(202);
    expect([202, 404]).toContain(statuses[1]);
    const answers = (await Promise.all([first.json(), second.json()])) as { request?: string }[];
    const redriven = new Set(answers.flatMap(({ request }) => request ?? []));
    expect(redriven.size).toBe(1);
    const [again = ''] = redriven;
    expect(again).not.toBe(id);
    const caller = { authorization: 'Bearer t' };
    expect(await ended(again, caller)).toMatchObject({ replica: letter.replica, method: 'POST' });
    // The new request fails too, and gets its own letter.
    await expect.poll(() => ids()).toEqual([again]);
    expect((await workers.runs()).filter((line) => line.startsWith('begin POST'))).toHaveLength(2);
  });

  it('of an idempotency key: after a redrive the key gives the answer of the new run', async () => {
    const { one, run, ids, ended, post } = await startTwo();
    const init = { method: 'POST', body: 'pay', headers: { 'idempotency-key': 'k1' } };
    const { id } = await run('/pay?fail=1&status=500', init);
    const again = await fetch(`${one}/pay?fail=1&status=500`, init);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([500, 'true']);
    const { request } = (await (await post(`${id}/redrive`)).json()) as { request: string };
    await ended(request);
    const after = await fetch(`${one}/pay?fail=1&status=500`, init);
    expect(after.headers.get('ringpost-request')).toBe(request);
    await expect.poll(() => ids()).toEqual([request]);
  });

  it('is not redriven if another request has its idempotency key by now', async () => {
    const { one, ended, ids, post } = await startTwo({ CONCURRENCY: '1', HASH_KEY: 'header:k' });
    const k = { k: '1' };
    const blocking = await fetch(`${one}/blocks?ms=2500`, { headers: { ...k, prefer: 'respond-async' } });
    await eventually(async () => (await workers.runs()).length === 1);
    const init = { method: 'POST', body: 'pay', headers: { ...k, 'idempotency-key': 'k1' } };
    const late = { ...init.headers, prefer: 'respond-async', 'ringpost-deadline': '200' };
    const accepted = await fetch(`${one}/pay`, { ...init, headers: late });
    const id = accepted.headers.get('ringpost-request') ?? '';
    expect(await ended(id)).toMatchObject({ state: 'expired', attempts: 0 });
    const again = await fetch(`${one}/pay`, init);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, null]);
    await expect.poll(() => ids()).toEqual([id]);
    const refused = await post(`${id}/redrive`);
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({ code: 'idempotency_key_reused' });
    expect(await ids()).toEqual([id]);
    expect((await workers.runs()).filter((line) => line.startsWith('begin POST'))).toHaveLength(1);
    await blocking.arrayBuffer();
  });

  it('of an idempotency key keeps the new answer as long as the key, beyond RESULT_TTL_S', async () => {
    const { one, run, ended, post } = await startTwo({ RESULT_TTL_S: '1', IDEMPOTENCY_TTL_S: '30' });
    const init = { method: 'POST', body: 'pay', headers: { 'idempotency-key': 'k1' } };
    const { id } = await run('/pay?fail=1&status=500', init);
    const { request } = (await (await post(`${id}/redrive`)).json()) as { request: string };
    await ended(request);
    // A record that is kept for one second is gone after two.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const after = await fetch(`${one}/pay?fail=1&status=500`, init);
    expect(after.headers.get('ringpost-request')).toBe(request);
    expect((await workers.runs()).filter((line) => line.startsWith('begin POST'))).toHaveLength(2);
  });

  it('can be redriven and deleted by filter, and a filter is required', async () => {
    const { run, ids, post, two, ended } = await startTwo();
    const bad = [await run('/x?fail=9&status=500'), await run('/x?fail=9&status=500')];
    const busy = await run('/y?fail=9&status=503');
    for (const [method, path] of [
      ['POST', '/redrive'],
      ['DELETE', ''],
    ] as const) {
      expect((await fetch(`${two}/-/dead-letters${path}`, { method })).status).toBe(400);
    }
    const answer = (await (await post('redrive?code=http_500')).json()) as {
      redriven: { letter: string; request: string }[];
      refused: object[];
    };
    expect(answer.redriven.map(({ letter }) => letter).toSorted()).toEqual(
      bad.map(({ id }) => id).toSorted(),
    );
    expect(answer.refused).toEqual([]);
    for (const { request } of answer.redriven) await ended(request);
    await expect.poll(async () => (await ids()).length).toBe(3);
    const one = await fetch(`${two}/-/dead-letters/${busy.id}`, { method: 'DELETE' });
    expect(one.status).toBe(204);
    expect((await fetch(`${two}/-/dead-letters/${busy.id}`, { method: 'DELETE' })).status).toBe(404);
    const rest = await fetch(`${two}/-/dead-letters?all=true`, { method: 'DELETE' });
    expect(await rest.json()).toEqual({ deleted: 2, more: false });
    expect(await ids()).toEqual([]);
  });

  it('is kept for FAILED_TTL_S, and requires the admin token', async () => {
    const { run, two } = await startTwo({ FAILED_TTL_S: '1', ADMIN_TOKEN: 'secret-of-the-test' });
    const ask = async (): Promise<Response> =>
      fetch(`${two}/-/dead-letters`, { headers: { authorization: 'Bearer secret-of-the-test' } });
    expect((await fetch(`${two}/-/dead-letters`)).status).toBe(401);
    await run('/x?fail=9&status=500');
    expect(((await (await ask()).json()) as DeadLetterPageView).letters).toHaveLength(1);
    await expect.poll(async () => ((await (await ask()).json()) as DeadLetterPageView).letters).toEqual([]);
    const { redis, keys } = system();
    await expect.poll(() => redis.keys(`${keys.prefix}:{+dead-letters}*`)).toEqual([]);
  });
});
