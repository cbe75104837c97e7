import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, describe, it } from 'vitest';
import { monitored } from '../fixtures/monitored.ts';
import { ask, json, speak } from '../fixtures/raw-http.ts';
import type { RawConnection } from '../fixtures/raw-http.ts';
import { useSystem } from '../fixtures/system.ts';
import type { System } from '../fixtures/system.ts';

const system = useSystem();

/** The gateway polls once a second, and once more for changes in between. */
const secondMs = 1000;

/** Sends an async request that starts after a minute. @returns its id. */
async function sendDelayed(url: string): Promise<string> {
  const headers = ['Prefer', 'respond-async', 'Ringpost-Delay', '60'];
  const answer = await ask(url, { method: 'POST', target: '/x', headers });
  expect(answer.status).toBe(202);
  return (json(answer) as { id: string }).id;
}

function head(target: string, headers = ''): string {
  return `GET ${target} HTTP/1.1\r\nHost: h\r\n${headers}\r\n`;
}

/** Counts the reads of a request's record. @returns the number so far. */
async function countReads({ redisUrl, keys }: System, id: string): Promise<() => number> {
  const key = keys.request(id.slice(id.indexOf('.') + 1), id);
  let reads = 0;
  await monitored(redisUrl, ([command, read]) => {
    if (command?.toLowerCase() === 'hgetall' && read === key) reads += 1;
  });
  return () => reads;
}

async function listeners({ redis, keys }: System, id: string): Promise<number> {
  const [, count] = (await redis.call('PUBSUB', 'NUMSUB', keys.requestChanges(id))) as [string, number];
  return count;
}

/** Resolves when a client watches the request at the gateway, in whatever way. */
async function untilWatched(parts: System, id: string): Promise<void> {
  await expect.poll(() => listeners(parts, id), { timeout: 10_000, interval: 10 }).toBe(1);
}

async function untilUnwatched(parts: System, id: string): Promise<void> {
  await expect.poll(() => listeners(parts, id), { timeout: 1000, interval: 10 }).toBe(0);
}

const idempotent = 'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nRingpost-Delay: 20\r\n';

describe('a client that leaves', () => {
  it.each([
    ['a long poll', (id: string) => head(`/-/requests/${id}?wait=60`)],
    ['a long poll for the reply', (id: string) => head(`/-/requests/${id}/reply?wait=60`)],
    ['a stream of events', (id: string) => head(`/-/requests/${id}`, 'Accept: text/event-stream\r\n')],
    ['pipelined long polls', (id: string) => head(`/-/requests/${id}?wait=60`).repeat(200)],
    [
      'a long poll behind a request that is not answered',
      (id: string) => head('/y', 'Ringpost-Delay: 20\r\n') + head(`/-/requests/${id}?wait=60`),
    ],
  ])('ends %s at once: the gateway reads and listens no more', async (_, bytes) => {
    const parts = system();
    const { url } = await parts.start({ REPLICAS: '1' });
    const id = await sendDelayed(url);
    const reads = await countReads(parts, id);
    const connection = await speak(url, bytes(id));
    await untilWatched(parts, id);
    connection.socket.destroy();
    await untilUnwatched(parts, id);
    const before = reads();
    await delay(2.5 * secondMs);
    expect(reads()).toBe(before);
  });

  it.each([
    ['Prefer: respond-async, wait', `${idempotent}Prefer: respond-async, wait=60\r\n\r\n`],
    ['Idempotency-Key', `${idempotent}Idempotency-Key: 1\r\n\r\n`],
  ])('ends a wait by %s', async (_, bytes) => {
    const parts = system();
    const { redis } = parts;
    const { url } = await parts.start({ REPLICAS: '1' });
    const channels = (): Promise<unknown> =>
      redis.call('PUBSUB', 'CHANNELS', `${system().keys.prefix}:request-changes:*`);
    const connection = await speak(url, bytes);
    await expect.poll(channels).toHaveLength(1);
    connection.socket.destroy();
    await expect.poll(channels, { timeout: 1000, interval: 10 }).toEqual([]);
  });
});

describe('clients that watch the same request', () => {
  it('share one poll, and all get its end at once', async () => {
    const parts = system();
    const { url } = await parts.start({ REPLICAS: '1' });
    const id = await sendDelayed(url);
    const reads = await countReads(parts, id);
    const connections: RawConnection[] = [];
    for (let at = 0; at < 60; at += 1) {
      const poll = head(`/-/requests/${id}?wait=60`, 'Connection: close\r\n');
      const stream = head(`/-/requests/${id}`, 'Accept: text/event-stream\r\nConnection: close\r\n');
      connections.push(await speak(url, at % 2 === 0 ? poll : stream));
    }
    await Promise.all(connections.filter((_, at) => at % 2 === 1).map((each) => each.until(/event: queued/)));
    // Each client may have caused a read on arrival, unless it arrived during one.
    expect(reads()).toBeLessThanOrEqual(70);
    const before = reads();
    await delay(3 * secondMs);
    expect(reads() - before).toBeGreaterThanOrEqual(2);
    expect(reads() - before).toBeLessThanOrEqual(4);
    const settled = reads();
    const began = performance.now();
    expect((await ask(url, { method: 'DELETE', target: `/-/requests/${id}` })).status).toBe(200);
    const heard = await Promise.all(connections.map(({ ended }) => ended));
    expect(performance.now() - began).toBeLessThan(secondMs);
    expect(heard.filter((each) => /"state":"cancelled"/.test(each))).toHaveLength(60);
    // DELETE reads the record itself.
    expect(reads() - settled).toBeLessThanOrEqual(6);
    await untilUnwatched(parts, id);
  });
});

describe('past WATCH_LIMIT', () => {
  it('a client that wants to wait gets 503, until another one leaves', async () => {
    const parts = system();
    const { url } = await parts.start({ REPLICAS: '1', WATCH_LIMIT: '1' });
    const id = await sendDelayed(url);
    const connection = await speak(url, head(`/-/requests/${id}?wait=60`));
    await untilWatched(parts, id);
    for (const [target, headers] of [
      [`/-/requests/${id}?wait=60`, []],
      [`/-/requests/${id}/reply?wait=60`, []],
      [`/-/requests/${id}`, ['Accept', 'text/event-stream']],
    ] as const) {
      const refused = await ask(url, { target, headers });
      expect(refused.status).toBe(503);
      expect(refused.headers.map((each) => each.toLowerCase())).toContain('retry-after');
      expect(json(refused)).toMatchObject({ code: 'over_capacity' });
    }
    // Without a wait there is no watch.
    expect((await ask(url, { target: `/-/requests/${id}` })).status).toBe(200);
    connection.socket.destroy();
    await once(connection.socket, 'close');
    await expect.poll(async () => (await ask(url, { target: `/-/requests/${id}?wait=1` })).status).toBe(200);
  });

  it('a request whose client must wait is refused, and one with respond-async gets 202 at once', async () => {
    const parts = system();
    const { url } = await parts.start({ REPLICAS: '1', WATCH_LIMIT: '1' });
    const id = await sendDelayed(url);
    await speak(url, head(`/-/requests/${id}?wait=60`));
    await untilWatched(parts, id);
    const key = ['Idempotency-Key', '1'];
    const refused = await ask(url, { method: 'POST', target: '/home', headers: key });
    expect(refused.status).toBe(503);
    expect(json(refused)).toMatchObject({ code: 'over_capacity' });
    expect(await parts.redis.keys(`${system().keys.prefix}:idempotency:*`)).toEqual([]);
    const began = performance.now();
    const headers = ['Prefer', 'respond-async, wait=30', 'Ringpost-Delay', '20'];
    expect((await ask(url, { method: 'POST', target: '/home', headers })).status).toBe(202);
    expect(performance.now() - began).toBeLessThan(2000);
  });
});
