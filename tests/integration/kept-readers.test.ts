import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { startKeptAnswers } from '../fixtures/kept-answers.ts';
import type { KeptAnswers } from '../fixtures/kept-answers.ts';
import { readLive } from '../fixtures/live-body.ts';
import { metricValues } from '../fixtures/metric-values.ts';
import { speak } from '../fixtures/raw-http.ts';
import { unreadRequest } from '../fixtures/slow-client.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const KiB = 1024;

const start = (settings?: NodeJS.ProcessEnv): Promise<KeptAnswers> => startKeptAnswers(system(), settings);

async function metric(url: string, series: string): Promise<number | undefined> {
  return (await metricValues(url)).get(series);
}

const held = (url: string): Promise<number | undefined> => metric(url, 'ringpost_held_bytes');

/** Waits until the answer has `bytes` bytes. */
async function has(one: string, reply: string, bytes: number): Promise<void> {
  const next = async (): Promise<number> => {
    const response = await fetch(`${one}${reply}?offset=now`);
    return Number(response.headers.get('stream-next-offset'));
  };
  await expect.poll(next).toBe(bytes);
}

/** Sends a GET, and leaves while the gateway waits for Redis. Resolves once Redis answers again. */
async function leaveEarly({ one, first }: KeptAnswers, target: string, fields = ''): Promise<void> {
  const { redis } = system();
  await redis.client('PAUSE', 500);
  const asked = once(first.gateway.app.server, 'request');
  const { socket } = await speak(one, `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
  const [{ socket: there }] = (await asked) as [IncomingMessage]; // as `request` is documented
  const closed = once(there, 'close');
  socket.destroy();
  await closed;
  await redis.ping();
}

describe('a client that leaves before its answer begins', () => {
  it('leaves nothing behind if the answer was kept whole', async () => {
    const answers = await start();
    const { one, upstream, submit } = answers;
    const reply = await submit('/a');
    (await upstream.take('/a')).response.end('x'.repeat(1000));
    expect((await fetch(`${one}${reply}?wait=20`)).status).toBe(200);
    const fields = { 'ringpost-offset': '1' };
    await leaveEarly(answers, reply, 'Ringpost-Offset: 1\r\n');
    // What the gateway asks Redis for this one comes after that of the other.
    expect((await (await fetch(`${one}${reply}`, { headers: fields })).text()).length).toBe(999);
    await expect.poll(() => held(one)).toBe(0);
  });

  it('leaves nothing behind if it wanted events of a kept stream', async () => {
    const answers = await start();
    const { one, begin } = answers;
    const { reply, response } = await begin('/a', 'text/plain');
    response.write('x'.repeat(1000));
    await has(one, reply, 1000);
    await leaveEarly(answers, `${reply}?offset=-1&live=sse&wait=0`);
    expect((await fetch(`${one}${reply}?offset=-1`)).status).toBe(200);
    const left = async (): Promise<unknown> => [
      await metric(one, 'ringpost_stream_readers'),
      await held(one),
    ];
    await expect.poll(left).toEqual([0, 0]);
  });
});

it('an answer that is held whole needs no more room to be read from an offset', async () => {
  const length = 500 * KiB;
  const { one, upstream, submit } = await start({
    STREAM_ABOVE_BYTES: String(KiB * KiB),
    BYTES_IN_FLIGHT: String(600 * KiB),
  });
  const reply = await submit('/a');
  const { response } = await upstream.take('/a');
  response.writeHead(200, { 'content-length': length }).end('x'.repeat(length));
  const reader = await readLive(`${one}${reply}?wait=20`, { headers: { 'ringpost-offset': '1' } });
  await expect.poll(() => [reader.bytes, reader.end]).toEqual([length - 1, 'whole']);
  await expect.poll(() => held(one)).toBe(0);
});

describe('a reader of a kept stream', () => {
  it('holds nothing once it has taken all that there is', async () => {
    const { one, begin } = await start();
    const { reply, response } = await begin('/a', 'text/plain');
    // More than a client may leave unread, in one read.
    response.write('x'.repeat(100 * KiB));
    await has(one, reply, 100 * KiB);
    const reader = await readLive(`${one}${reply}`);
    await expect.poll(() => reader.bytes).toBe(100 * KiB);
    await expect.poll(() => held(one)).toBe(0);
    response.end('y');
    await expect.poll(() => [reader.bytes, reader.end]).toEqual([100 * KiB + 1, 'whole']);
  });

  it('is counted if it reads nothing and is disconnected', async () => {
    const { one, begin } = await start({
      SEND_TIMEOUT_MS: '1000',
      REPLY_LIMIT_BYTES: String(64 * KiB * KiB),
    });
    const { reply, response } = await begin('/a', 'text/plain');
    response.end(Buffer.alloc(16 * KiB * KiB, 'x'));
    await expect
      .poll(async () => (await fetch(`${one}${reply}`, { method: 'HEAD' })).headers.get('content-length'))
      .not.toBeNull();
    unreadRequest(one, `GET ${reply} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await expect.poll(() => metric(one, 'ringpost_streams_aborted_total{cause="slow"}')).toBe(1);
  });
});

describe('readers of kept streams', () => {
  const limit = KiB * KiB;

  /** @returns the largest of what is held, until it is stopped. */
  function most(url: string): () => Promise<number> {
    const over = new AbortController();
    const look = async (largest = 0): Promise<number> => {
      const now = Math.max(largest, (await held(url)) ?? 0);
      return over.signal.aborted ? now : look(now);
    };
    const looking = look();
    return () => {
      over.abort();
      return looking;
    };
  }

  it('hold no more than BYTES_IN_FLIGHT together, and get all in the end', async () => {
    const { one, begin } = await start({
      BYTES_IN_FLIGHT: String(limit),
      REPLY_LIMIT_BYTES: String(64 * limit),
    });
    const { reply, response } = await begin('/a', 'text/plain');
    const length = 16 * limit;
    response.end(Buffer.alloc(length, 'x'));
    await expect
      .poll(async () => (await fetch(`${one}${reply}`, { method: 'HEAD' })).headers.get('content-length'))
      .toBe(String(length));
    const stop = most(one);
    const readers = Array.from({ length: 8 }, () =>
      unreadRequest(one, `GET ${reply} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
    );
    await expect.poll(() => held(one)).toBeGreaterThan(limit / 2);
    // The first ones hold what they do not read; the last one waits for them.
    for (const reader of readers) reader.resume();
    await expect.poll(() => readers.every(({ bytesRead }) => bytesRead > length)).toBe(true);
    expect(await stop()).toBeLessThanOrEqual(1.25 * limit);
    await expect.poll(() => held(one)).toBe(0);
  });

  it('hold no more with requests that are pipelined behind a long poll', async () => {
    const { one, begin } = await start({ BYTES_IN_FLIGHT: String(limit) });
    const { reply, response } = await begin('/a', 'text/plain');
    response.write(Buffer.alloc(300 * KiB, 'x'));
    await has(one, reply, 300 * KiB);
    const get = (query: string): string => `GET ${reply}?${query} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const client = await speak(one, get('offset=now&live=long-poll') + get('offset=-1').repeat(20));
    const stop = most(one);
    await expect.poll(() => held(one)).toBeGreaterThan(limit / 2);
    response.end('y');
    await expect.poll(() => client.socket.bytesRead).toBeGreaterThan(20 * 192 * KiB);
    expect(await stop()).toBeLessThanOrEqual(1.25 * limit);
    await expect.poll(() => held(one)).toBe(0);
  });
});
