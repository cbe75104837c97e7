import { parseList } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import { call, callJson } from '../fixtures/admin-calls.ts';
import type { Answer } from '../fixtures/admin-calls.ts';
import { metricValues } from '../fixtures/metric-values.ts';
import { monitored } from '../fixtures/monitored.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

const key = (name: string, more: Record<string, string> = {}) => ({ 'ringpost-key': name, ...more });
const get = (url: string, headers: Record<string, string>): Promise<Answer> =>
  call('GET', `${url}/home`, { headers });
const statuses = (answers: readonly Answer[]): number[] =>
  answers.map(({ status }) => status).toSorted((one, other) => one - other);
const codeOf = ({ text }: Answer): unknown => (JSON.parse(text) as { code?: unknown }).code;

async function start(settings: NodeJS.ProcessEnv = {}): Promise<string> {
  const shared = { HANDLER: handlerFile('flaky'), LEDGER: workers.ledger(), ...settings };
  return (await system().start({ REPLICAS: '1', ...shared })).url;
}

describe('KEY_RATE', () => {
  it('is held by two gateways together, for each key by itself', async () => {
    const one = await system().start({ REPLICAS: '2', KEY_RATE: '6/h' });
    const two = await system().start({ ROLE: 'gateway', KEY_RATE: '6/h' });
    await two.gateway.watcher.until(({ ring }) => ring.size === 2, 10_000);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => get(at % 2 === 0 ? one.url : two.url, key('a'))),
    );
    expect(statuses(answers)).toEqual([...Array<number>(6).fill(200), ...Array<number>(14).fill(429)]);
    expect((await get(two.url, key('b'))).status).toBe(200);
    const values = await Promise.all([one, two].map(({ adminUrl }) => metricValues(adminUrl)));
    const refused = values.map((each) => each.get('ringpost_key_rate_limited_total') ?? 0);
    expect(refused.reduce((sum, each) => sum + each, 0)).toBe(14);
  });

  it('tells what is left in the fields of the IETF draft, and when to come again', async () => {
    const url = await start({ KEY_RATE: '2/h' });
    const first = await get(url, key('k'));
    expect(first.headers).toMatchObject({
      'ratelimit-policy': '"key";q=2;w=3600',
      ratelimit: '"key";r=1;t=1800',
    });
    await get(url, key('k'));
    const refused = await get(url, key('k'));
    expect([refused.status, codeOf(refused)]).toEqual([429, 'key_rate_limited']);
    expect(refused.headers['retry-after']).toBe('1800');
    const [item] = parseList(String(refused.headers['ratelimit']));
    expect(item?.[0]).toBe('key');
    expect(Object.fromEntries(item?.[1] ?? [])).toEqual({ r: 0, t: 1800 });
  });

  it('does not count requests with a random key, nor those that are refused anyway', async () => {
    const url = await start({ KEY_RATE: '1/h' });
    const answers = await Promise.all(Array.from({ length: 5 }, () => get(url, {})));
    expect(statuses(answers)).toEqual([200, 200, 200, 200, 200]);
    expect(answers.every(({ headers }) => headers['ratelimit'] === undefined)).toBe(true);
    expect((await get(url, key('k', { 'ringpost-retry': 'perhaps' }))).status).toBe(400);
    expect((await get(url, key('k'))).status).toBe(200);
  });

  it('counts a request that is tried again once', async () => {
    const url = await start({ KEY_RATE: '2/h' });
    const headers = key('k', { 'ringpost-attempts': '3' });
    const answer = await call('GET', `${url}/tried?fail=2&retry-after=0`, { headers });
    expect([answer.status, answer.headers['ratelimit']]).toEqual([200, '"key";r=1;t=1800']);
  });

  it('releases the idempotency key of a request that it refuses, and does not count a repeat', async () => {
    const url = await start({ KEY_RATE: '1/s' });
    const post = (id: string): Promise<Answer> =>
      callJson('POST', `${url}/paid`, { a: 1 }, key('k', { 'idempotency-key': `"${id}"` }));
    const first = await post('one');
    expect([first.status, first.headers['ratelimit']]).toEqual([200, '"key";r=0;t=1']);
    const repeat = await post('one');
    expect([repeat.status, repeat.headers['idempotent-replayed']]).toEqual([200, 'true']);
    expect(repeat.headers['ratelimit']).toBeUndefined();
    const refused = await post('two');
    expect([refused.status, codeOf(refused)]).toEqual([429, 'key_rate_limited']);
    expect(refused.headers['retry-after']).toBe('1');
    await expect.poll(async () => (await post('two')).status, { timeout: 5000 }).toBe(200);
    expect((await workers.runs()).filter((line) => line.startsWith('begin'))).toHaveLength(2);
  });

  it('tells an async client what is left', async () => {
    const url = await start({ KEY_RATE: '5/h' });
    const answer = await get(url, key('k', { prefer: 'respond-async' }));
    expect([answer.status, answer.headers['ratelimit']]).toEqual([202, '"key";r=4;t=720']);
  });
});

describe('Ringpost-Key-Rate', () => {
  it('lowers the rate for the request that has it, and never raises it', async () => {
    const url = await start({ KEY_RATE: '4/h' });
    const slow = key('k', { 'ringpost-key-rate': '2/h' });
    expect((await get(url, slow)).headers['ratelimit']).toBe('"key";r=3;t=900, "request";r=1;t=1800');
    expect((await get(url, slow)).status).toBe(200);
    expect((await get(url, slow)).status).toBe(429);
    const fast = key('k', { 'ringpost-key-rate': '100/h' });
    expect(statuses([await get(url, fast), await get(url, fast), await get(url, fast)])).toEqual([
      200, 200, 429,
    ]);
  });

  it('holds without KEY_RATE, and is refused if it is malformed', async () => {
    const url = await start();
    const headers = key('k', { 'ringpost-key-rate': '1/h' });
    expect([(await get(url, headers)).status, (await get(url, headers)).status]).toEqual([200, 429]);
    expect((await get(url, key('k'))).status).toBe(200);
    const wrong = await get(url, key('k', { 'ringpost-key-rate': 'fast' }));
    expect([wrong.status, codeOf(wrong)]).toEqual([400, 'request_malformed']);
    expect(wrong.text).toContain('Ringpost-Key-Rate');
  });
});

describe('a gateway without a rate', () => {
  it('makes no call for it, and one with a rate makes one call for each request', async () => {
    const url = await start();
    await get(url, key('k'));
    const seen: string[] = [];
    await monitored(system().redisUrl, (words) => {
      if (words.some((word) => word.includes(':key-rate:'))) seen.push(words[0]?.toLowerCase() ?? '');
    });
    await get(url, key('k'));
    expect(seen).toEqual([]);
    const headers = key('k', { 'ringpost-key-rate': '9/h' });
    await get(url, headers);
    await get(url, headers);
    await expect.poll(() => seen.filter((name) => name.startsWith('eval')).length).toBe(2);
  });
});
