import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { RequestPageView } from '#shared/contract/api/requests.ts';
import { keyDigest } from '#shared/ring/key-digest.ts';
import { readApi, submit, untilEnded } from '../fixtures/api-calls.ts';
import { monitored } from '../fixtures/monitored.ts';
import { useSystem } from '../fixtures/system.ts';
import { eventually, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const handler = fileURLToPath(new URL('../fixtures/handlers/flaky.ts', import.meta.url));
const tokens = { ADMIN_TOKEN: 'a'.repeat(20), VIEW_TOKEN: 'v'.repeat(20) };
const admin = { authorization: `Bearer ${tokens.ADMIN_TOKEN}` };
const viewer = { authorization: `Bearer ${tokens.VIEW_TOKEN}` };

async function start(settings: NodeJS.ProcessEnv = {}) {
  const { url } = await system().start({
    REPLICAS: '2',
    HANDLER: handler,
    LEDGER: workers.ledger(),
    ...settings,
  });
  const search = (query = '', headers = {}): Promise<RequestPageView> =>
    readApi(url, `/-/api/requests${query}`, headers);
  const ids = async (query = ''): Promise<string[]> => (await search(query)).requests.map(({ id }) => id);
  return { url, search, ids };
}

describe('a search among requests with records', () => {
  it('finds them by id, key, digest, replica, state, status and time', async () => {
    const { url, search, ids } = await start();
    const all: string[] = [];
    for (const [at, path] of [
      '/one?secret=s',
      '/two?fail=9&status=503',
      '/three?fail=9&status=500',
    ].entries()) {
      const id = await submit(url, path, { 'ringpost-key': `tenant-${at}` });
      all.unshift(id);
      await untilEnded(url, id);
    }
    const [third = '', second = '', first = ''] = all;
    const { requests, next } = await search();
    expect(requests.map(({ id }) => id)).toEqual(all);
    expect(next).toBeNull();
    expect(requests[2]).toMatchObject({
      self: `/-/api/requests/${first}`,
      state: 'done',
      method: 'GET',
      path: '/one',
      attempts: 1,
      status: 200,
      code: null,
      keyDigest: keyDigest('tenant-0'),
    });
    expect(JSON.stringify(requests)).not.toContain('secret');
    expect(await ids(`?id=${second}`)).toEqual([second]);
    expect(await ids('?key=tenant-1')).toEqual([second]);
    expect(await ids(`?key=${keyDigest('tenant-1')}`)).toEqual([second]);
    expect(await ids('?key=nobody')).toEqual([]);
    for (const name of ['S1', 'S2'])
      expect(await ids(`?replica=${name}`)).toEqual(all.filter((id) => id.endsWith(`.${name}`)));
    expect(await ids('?state=failed')).toEqual([third, second]);
    expect(await ids('?status=503')).toEqual([second]);
    expect(await ids('?status=5xx&key=tenant-2')).toEqual([third]);
    const middle = new Date(requests[1]?.accepted ?? 0).toISOString();
    expect(await ids(`?from=${middle}`)).toEqual([third, second]);
    expect(await ids(`?to=${middle}`)).toEqual([second, first]);
  });

  it('finds the requests of a replica that was removed', async () => {
    const { url, ids } = await start();
    const id = await submit(url, '/x', { 'ringpost-key': 'k' });
    await untilEnded(url, id);
    const body = JSON.stringify({ n: 1, replicas: [id.split('.')[1]] });
    await fetch(`${url}/rm`, { method: 'DELETE', body, headers: { 'content-type': 'application/json' } });
    const { redis, keys } = system();
    await expect.poll(() => redis.hlen(keys.retired), { timeout: 20_000 }).toBe(0);
    expect(await ids()).toEqual([id]);
  });

  it('shows pages that stay as they are while requests arrive', async () => {
    const { url, search } = await start();
    const before: string[] = [];
    for (const at of Array.from({ length: 25 }).keys()) before.unshift(await submit(url, `/x/${at}`));
    const paged: string[] = [];
    let path: string | null = '/-/api/requests?limit=4';
    while (path !== null) {
      const page: RequestPageView = await readApi(url, path);
      expect(page.requests.length).toBeLessThanOrEqual(4);
      paged.push(...page.requests.map(({ id }) => id));
      path = page.next;
      await submit(url, '/late');
    }
    // Requests of one millisecond are in the order of their ids.
    expect(paged.toSorted()).toEqual(before.toSorted());
    const { requests } = await search('?limit=200');
    const later = requests.filter(({ path: each }) => each !== '/late').map(({ id }) => id);
    expect(later).toEqual(paged);
  });

  it.each([
    ['?sort=up', 'There is no parameter sort'],
    ['?id=x', 'Ringpost-Request'],
    ['?id=4f1c2a1e-7a0b-4e06-9a55-3c1f5e0d8a11.S1&limit=1', 'leave the other parameters out'],
    ['?key=', 'key must be given once'],
    ['?key=a&key=b', 'key must be given once'],
    ['?replica=*', 'the name of a replica'],
    ['?state=lost', 'one of queued, running, done, failed, cancelled, expired'],
    ['?status=6xx', 'such as 503, or 5xx'],
    ['?from=yesterday', '2026-01-31T12:00:00Z'],
    ['?from=2026-02-01&to=2026-01-31', 'must not be later'],
    ['?limit=201', 'from 1 to 200'],
    ['?after=x', 'in next'],
  ])('refuses %s and says what is right: %s', async (query, right) => {
    const { url } = await system().start({ ROLE: 'gateway' });
    const response = await fetch(`${url}/-/api/requests${query}`);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(right);
  });

  it('shows a viewer neither an id nor a cursor that opens an answer', async () => {
    const { url } = await start(tokens);
    const ids: string[] = [];
    for (const at of [1, 2, 3]) ids.unshift(await submit(url, `/x/${at}`));
    for (const id of ids) await untilEnded(url, id);
    const seen: string[] = [];
    let path: string | null = '/-/api/requests?limit=1';
    while (path !== null) {
      const page: RequestPageView = await readApi(url, path, viewer);
      for (const id of ids) expect(JSON.stringify(page)).not.toContain(id.slice(0, 12));
      const [request] = page.requests;
      if (request !== undefined) {
        seen.push(request.path);
        const timeline = await readApi<{ request: object }>(url, request.self, viewer);
        expect(timeline.request).toEqual(request);
        for (const id of ids) expect(JSON.stringify(timeline)).not.toContain(id.slice(0, 12));
      }
      path = page.next;
    }
    expect(seen.toSorted()).toEqual(['/x/1', '/x/2', '/x/3']);
    const page = await readApi<RequestPageView>(url, '/-/api/requests', admin);
    expect(page.requests.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect((await fetch(`${url}/-/api/requests`)).status).toBe(401);
  });
});

describe('the index', () => {
  it('has no more entries than its bound, and forgets requests whose records are gone', async () => {
    const { url, ids, search } = await start({ REPLICAS: '1' });
    const { redis, keys } = system();
    const { byTime, byKey } = keys.requestIndexes('S1');
    const submitted = async (path: string): Promise<string> => {
      const id = await submit(url, path);
      await untilEnded(url, id);
      return id;
    };
    const [first, second] = [await submitted('/1'), await submitted('/2')];
    const third = await submitted('/3');
    // A search removes entries that it reads and whose records are gone.
    await redis.unlink(keys.request('S1', second));
    expect((await ids()).toSorted()).toEqual([first, third].toSorted());
    await expect.poll(() => redis.zcard(byTime)).toBe(2);
    await expect.poll(() => redis.zcard(byKey)).toBe(2);
    // So does one accepted request in sixteen with the oldest ones.
    await redis.unlink(keys.request('S1', first));
    const [oldest = ''] = await redis.zrange(byTime, '0', '0');
    await eventually(async () => {
      await submit(url, '/more');
      return (await redis.zscore(byTime, oldest)) === null;
    });
    // 100,000 entries are the bound of one replica.
    const old = (at: number): string =>
      `${String(at).padStart(15, '0')} ${'0'.repeat(8)}-0000-4000-8000-${String(at).padStart(12, '0')} - -`;
    for (let at = 0; at < 100_000; at += 1000)
      await redis.zadd(byTime, ...Array.from({ length: 1000 }, (_, each) => [0, old(at + each)]).flat());
    await eventually(async () => {
      await submit(url, '/more');
      return (await redis.zcard(byTime)) <= 100_000;
    });
    expect((await search('?limit=3')).requests).toHaveLength(3);
    for (const key of [byTime, byKey]) expect(await redis.pttl(key)).toBeGreaterThan(0);
  });

  it('costs an accepted request no further command of its own', async () => {
    const { url } = await start({ REPLICAS: '1' });
    const { keys, redis, redisUrl } = system();
    await submit(url, '/first');
    const seen: (readonly string[])[] = [];
    await monitored(redisUrl, (command, source) => {
      if (source !== 'lua') seen.push(command);
    });
    const id = await submit(url, '/second');
    await untilEnded(url, id);
    // Redis reports this command after all that the request cost.
    await redis.echo(`${keys.prefix} is seen`);
    await expect.poll(() => seen.some(([name = '']) => /^echo$/i.test(name))).toBe(true);
    const indexes = Object.values(keys.requestIndexes('S1'));
    const own = seen.filter((words) => words.some((each) => indexes.includes(each)));
    // The keys of a script are arguments of its call.
    expect(own.map(([name = '']) => name.toLowerCase()).filter((name) => name !== 'evalsha')).toEqual([]);
    expect(own.length).toBeGreaterThan(0);
  });
});
