import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { handlerFile } from '../fixtures/scratch.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { useSystem } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const HANDLER = handlerFile('bodies');
const MiB = 1024 * 1024;
/** Answers are whole if their length is known. */
const whole = { STREAM_ABOVE_BYTES: String(256 * MiB) };
const respondAsync = { headers: { prefer: 'respond-async' } };

/** @returns the number of connections that Redis has accepted so far. */
async function connectionsMade(redis: Redis): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(await redis.info('stats'))?.[1]);
}

/** Sends an async request and waits for its end. @returns its record, and the URL of it. */
async function ended(url: string, path: string): Promise<{ state: string; code?: string; self: string }> {
  const accepted = await fetch(url + path, respondAsync);
  const self = url + (accepted.headers.get('location') ?? '');
  await accepted.body?.cancel();
  const view = (await (await fetch(`${self}?wait=20`)).json()) as { state: string; code?: string };
  return { ...view, self };
}

describe.each(['batched', 'stock'])('with the %s consumer', (CONSUMER) => {
  it('a large answer is the same for a plain and an async request', async () => {
    const { redis, keys, start } = system();
    const { url } = await start({ REPLICAS: '1', HANDLER, CONSUMER, LEDGER: workers.ledger() });
    const clients = async (): Promise<string> => String(await redis.client('LIST'));
    expect((await (await fetch(`${url}/stream?bytes=100`)).bytes()).length).toBe(100);
    expect(await clients()).not.toContain(':large-values');
    for (const path of ['/stream', '/whole']) {
      const body = await (await fetch(`${url}${path}?bytes=${3 * MiB + 1}`)).text();
      expect(body === 'x'.repeat(3 * MiB + 1)).toBe(true);
    }
    expect(await clients()).toContain(':large-values');
    const { state, self } = await ended(url, `/stream?bytes=${3 * MiB + 1}`);
    expect(state).toBe('done');
    expect((await (await fetch(`${self}/reply`)).text()) === 'x'.repeat(3 * MiB + 1)).toBe(true);
    expect(await redis.keys(`${keys.replica('S1')}:reply-draft:*`)).toEqual([]);
  });

  it('an answer too long for Redis is 502 reply_too_large and disturbs no other request', async () => {
    const own = await ownRedis();
    const { url, stop } = await system().start({
      REDIS_URL: own.url,
      REPLICAS: '1',
      HANDLER,
      CONSUMER,
      LEDGER: workers.ledger(),
      STREAM_ABOVE_BYTES: '3000000',
    });
    await own.redis.config('SET', 'proto-max-bulk-len', '1mb');
    await (await fetch(`${url}/stream?bytes=100000`)).bytes();
    const before = await connectionsMade(own.redis);
    const large = '/whole?bytes=3000000';
    const small = async (): Promise<number> => (await fetch(`${url}/stream?bytes=10`)).status;
    const [plain, asyncEnd, ...others] = await Promise.all([
      fetch(url + large),
      ended(url, large),
      ...Array.from({ length: 20 }, small),
    ]);
    expect(plain.status).toBe(502);
    expect(await plain.json()).toMatchObject({ code: 'reply_too_large' });
    expect(asyncEnd).toMatchObject({ state: 'failed', code: 'reply_too_large' });
    // Nobody holds a stream as a whole.
    expect((await (await fetch(`${url}/stream?bytes=3000001`)).bytes()).length).toBe(3_000_001);
    expect(new Set(others)).toEqual(new Set([200]));
    expect((await connectionsMade(own.redis)) - before).toBeLessThan(5);
    await stop();
  });
});

it('a whole or kept answer over the limit is 502 reply_too_large at once, and is not retried', async () => {
  const { url } = await system().start({
    REPLICAS: '1',
    HANDLER,
    LEDGER: workers.ledger(),
    REPLY_LIMIT_BYTES: String(MiB),
    ...whole,
  });
  const began = performance.now();
  const headers = { 'ringpost-attempts': '5' };
  const answer = await fetch(`${url}/whole?bytes=${MiB + 1}`, { headers });
  expect(answer.status).toBe(502);
  expect(await answer.json()).toMatchObject({
    code: 'reply_too_large',
    detail: expect.stringContaining(`${MiB} bytes`),
  });
  // An answer that may lead to another attempt is whole.
  const failed = await fetch(`${url}/endless?status=503`, { headers });
  expect([failed.status, await failed.json()]).toMatchObject([502, { code: 'reply_too_large' }]);
  expect(await ended(url, '/endless')).toMatchObject({ state: 'failed', code: 'reply_too_large' });
  expect(performance.now() - began).toBeLessThan(10_000);
  await expect.poll(() => workers.runs()).toEqual(['cancelled /endless', 'cancelled /endless']);
});

it('a stream that is not kept has no limit, and is cancelled when its client leaves', async () => {
  const settings = { REPLICAS: '1', HANDLER, LEDGER: workers.ledger(), REPLY_LIMIT_BYTES: String(MiB) };
  const { url } = await system().start(settings);
  expect((await (await fetch(`${url}/whole?bytes=${MiB + 1}`)).bytes()).length).toBe(MiB + 1);
  const endless = await fetch(`${url}/endless`);
  let bytes = 0;
  if (endless.body !== null) {
    for await (const part of endless.body) {
      bytes += part.length;
      if (bytes > 8 * MiB) break;
    }
  }
  expect(bytes).toBeGreaterThan(8 * MiB);
  await expect.poll(() => workers.runs()).toEqual(['cancelled /endless']);
});

it('an endless answer is cancelled at its deadline and by DELETE', async () => {
  const settings = { REPLICAS: '1', HANDLER: handlerFile('trickle'), LEDGER: workers.ledger() };
  const { url } = await system().start({ ...settings, REPLY_TIMEOUT_MS: '500' });
  // The timeout bounds the time to the head of a stream.
  const stream = await fetch(url, { headers: { 'ringpost-deadline': '1000' } });
  expect(stream.status).toBe(200);
  await expect(stream.bytes()).rejects.toThrow('terminated');
  await expect.poll(() => workers.runs()).toEqual(['cancelled TimeoutError']);
  const accepted = await fetch(url, { headers: { prefer: 'respond-async', 'ringpost-deadline': '20000' } });
  const self = url + (accepted.headers.get('location') ?? '');
  await expect
    .poll(async () => ((await (await fetch(self)).json()) as { state: string }).state)
    .toBe('running');
  await fetch(self, { method: 'DELETE' });
  await expect.poll(() => workers.runs()).toEqual(['cancelled TimeoutError', 'cancelled AbortError']);
});

it('a dead letter omits an answer that is too large for it', async () => {
  const settings = { REPLICAS: '1', HANDLER, LEDGER: workers.ledger(), ADMIN_AUTH: 'none' };
  const { url } = await system().start(settings);
  const letterOf = async (path: string): Promise<unknown> => {
    const { self, state } = await ended(url, path);
    expect(state).toBe('failed');
    const id = self.slice(self.lastIndexOf('/') + 1);
    // The letter is filed after the request's end.
    let letter: Response | undefined;
    const statusOf = async (): Promise<number> =>
      (letter = await fetch(`${url}/-/dead-letters/${id}`)).status;
    await expect.poll(statusOf).toBe(200);
    return letter?.json();
  };
  expect(await letterOf('/stream?status=500&bytes=5')).toMatchObject({
    reply: { status: 500, body: 'xxxxx' },
  });
  expect(await letterOf(`/stream?status=500&bytes=${MiB}`)).toMatchObject({ code: 'http_500', reply: null });
});
