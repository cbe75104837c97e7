import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { remove } from '../fixtures/admin-calls.ts';
import { serve } from '../fixtures/http-server.ts';
import { metricValues } from '../fixtures/metric-values.ts';
import { ask } from '../fixtures/raw-http.ts';
import { stream } from '../fixtures/streamed-answer.ts';
import { useSystem } from '../fixtures/system.ts';
import { leaseOf } from '../fixtures/workers.ts';

const system = useSystem();
const events = { 'content-type': 'text/event-stream' };

interface Upstream {
  readonly url: string;
  /** The answers that it has begun, in the order of the requests. */
  readonly responses: ServerResponse[];
  /** @returns the answer to the nth request, once it is there. */
  nth(at: number): Promise<ServerResponse>;
}

/** A server whose answers the test writes. `/whole` is answered at once. */
async function openUpstream(): Promise<Upstream> {
  const responses: ServerResponse[] = [];
  const url = await serve((request: IncomingMessage, response) => {
    if (request.url === '/whole') response.end('whole');
    else responses.push(response);
  });
  const nth = async (at: number): Promise<ServerResponse> => {
    await expect.poll(() => responses.length, { interval: 1 }).toBeGreaterThan(at);
    const response = responses[at];
    if (response === undefined) throw new Error(`there is no request ${at}`);
    return response;
  };
  return { url, responses, nth };
}

async function startWith(settings: Record<string, string> = {}) {
  const upstream = await openUpstream();
  const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url, ...settings });
  return { url, upstream };
}

/** @returns the byte at each position of a large answer. */
function pattern(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31) % 251));
}

describe('an answer of unknown length', () => {
  it('reaches its client chunk by chunk, and ends cleanly', async () => {
    const { url, upstream } = await startWith();
    const answering = stream(url, '/events');
    const response = await upstream.nth(0);
    response.writeHead(200, events);
    response.flushHeaders();
    const answer = await answering;
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('text/event-stream');
    for (let at = 1; at <= 5; at += 1) {
      response.write(`data: ${at}\n\n`);
      await expect.poll(() => answer.text(), { interval: 1 }).toContain(`data: ${at}\n\n`);
    }
    response.end('data: end\n\n');
    expect(await answer.ended).toBe('clean');
    expect(answer.text()).toBe('data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\ndata: 5\n\ndata: end\n\n');
    const { redis, keys } = system();
    await expect.poll(() => redis.scard(keys.streams('S1'))).toBe(0);
    expect(await redis.llen(keys.unfinished('S1').active)).toBe(0);
  });

  it('is broken off if its upstream breaks', async () => {
    const { url, upstream } = await startWith();
    const answering = stream(url, '/events');
    const response = await upstream.nth(0);
    response.writeHead(200, events);
    response.write('data: 1\n\n');
    const answer = await answering;
    response.destroy();
    expect(await answer.ended).toBe('broken');
  });

  it('is broken off if its source brings nothing for too long', async () => {
    const { url, upstream } = await startWith({ STREAM_IDLE_TIMEOUT_MS: '300' });
    const answering = stream(url, '/events');
    const response = await upstream.nth(0);
    response.writeHead(200, events);
    response.write('data: 1\n\n');
    const answer = await answering;
    expect(await answer.ended).toBe('broken');
    const aborted = 'ringpost_streams_aborted_total{cause="reply_timeout"}';
    await expect.poll(async () => (await metricValues(url)).get(aborted)).toBe(1);
  });

  it('goes on after REPLY_TIMEOUT_MS, and until Ringpost-Deadline', async () => {
    const { url, upstream } = await startWith({ REPLY_TIMEOUT_MS: '400', HANDLER_STALL_MS: '300' });
    const [free, limited] = [
      stream(url, '/free'),
      stream(url, '/limited', { headers: { 'ringpost-deadline': '2000' } }),
    ];
    const responses = [await upstream.nth(0), await upstream.nth(1)];
    for (const response of responses) {
      response.writeHead(200, events);
      response.write('data: 1\n\n');
    }
    const answers = [await free, await limited];
    expect(await answers[1]?.ended).toBe('broken');
    for (const response of responses) response.end();
    expect(await answers[0]?.ended).toBe('clean');
  });
});

it('a large answer whose length is known is passed on with its length', async () => {
  const { url, upstream } = await startWith();
  const answering = stream(url, '/large');
  const response = await upstream.nth(0);
  const bytes = pattern(5 * 1024 * 1024);
  response.writeHead(200, { 'content-length': String(bytes.length) });
  response.end(bytes);
  const answer = await answering;
  expect(answer.headers['content-length']).toBe(String(bytes.length));
  expect(await answer.ended).toBe('clean');
  expect(answer.bytes().equals(bytes)).toBe(true);
});

it('a client that leaves cancels the request to the upstream within 100 ms', async () => {
  const { url, upstream } = await startWith();
  const answering = stream(url, '/events');
  const response = await upstream.nth(0);
  response.writeHead(200, events);
  response.write('data: 1\n\n');
  const answer = await answering;
  const closed = once(response, 'close');
  const left = performance.now();
  answer.leave();
  await closed;
  expect(performance.now() - left).toBeLessThan(100);
});

it.each(['batched', 'stock'])('streams hold no slots of the %s consumer', async (consumer) => {
  const { url, upstream } = await startWith({ CONCURRENCY: '1', CONSUMER: consumer });
  for (let at = 0; at < 5; at += 1) {
    const answering = stream(url, '/events');
    const response = await upstream.nth(at);
    response.writeHead(200, events);
    response.write('data: 1\n\n');
    await answering;
  }
  expect((await ask(url, { target: '/whole' })).body.toString()).toBe('whole');
  for (const response of upstream.responses) response.end();
  const { redis, keys } = system();
  await expect.poll(() => redis.scard(keys.streams('S1'))).toBe(0);
  expect(await redis.llen(keys.unfinished('S1').active)).toBe(0);
});

it('the death of its worker breaks a stream, and another request is answered by the next worker', async () => {
  const { url, upstream } = await startWith({ LEASE_MS: '600', FAILOVER_MS: '60000' });
  const answering = stream(url, '/events');
  const response = await upstream.nth(0);
  response.writeHead(200, events);
  response.write('data: 1\n\n');
  const answer = await answering;
  await expect.poll(() => answer.text()).toBe('data: 1\n\n');
  const pid = (await leaseOf(system(), 'S1'))?.pid;
  if (pid === undefined) throw new Error('no worker has the lease');
  process.kill(pid, 'SIGKILL');
  expect(await answer.ended).toBe('broken');
  expect(answer.text()).toBe('data: 1\n\n');
  expect((await ask(url, { target: '/whole' })).body.toString()).toBe('whole');
  const { redis, keys } = system();
  expect(await redis.scard(keys.streams('S1'))).toBe(0);
});

it('a worker that stops lets its streams end, and breaks off those that do not', async () => {
  const { url, upstream } = await startWith({ DRAIN_TIMEOUT_MS: '2000' });
  const answers = [stream(url, '/short'), stream(url, '/long')];
  const responses = [await upstream.nth(0), await upstream.nth(1)];
  for (const response of responses) {
    response.writeHead(200, events);
    response.write('data: 1\n\n');
  }
  const [one, other] = await Promise.all(answers);
  const pid = (await leaseOf(system(), 'S1'))?.pid;
  if (pid === undefined) throw new Error('no worker has the lease');
  process.kill(pid, 'SIGTERM');
  responses[0]?.end('data: end\n\n');
  const outcomes = new Set(await Promise.all([one?.ended, other?.ended]));
  expect(outcomes).toEqual(new Set(['broken', 'clean']));
});

it('the streams of a replica that was removed have DRAIN_TIMEOUT_MS to end', async () => {
  const { url, upstream } = await startWith({ REPLICAS: '2', DRAIN_TIMEOUT_MS: '1000', LEASE_MS: '900' });
  const answering = stream(url, '/events');
  const response = await upstream.nth(0);
  response.writeHead(200, events);
  response.write('data: 1\n\n');
  const answer = await answering;
  const replica = String(answer.headers['ringpost-replica']);
  expect((await remove(url, 1, [replica])).status).toBe(200);
  expect(await answer.ended).toBe('broken');
  await expect.poll(async () => leaseOf(system(), replica)).toBeUndefined();
});

it('an answer waits while STREAM_CONCURRENCY others are sent', async () => {
  const { url, upstream } = await startWith({ STREAM_CONCURRENCY: '1' });
  const [one, other] = [stream(url, '/events'), stream(url, '/events')];
  for (const at of [0, 1]) {
    const response = await upstream.nth(at);
    response.writeHead(200, events);
    response.write('data: 1\n\n');
  }
  const first = await Promise.race([one, other]);
  for (const response of upstream.responses) response.end();
  expect(await first.ended).toBe('clean');
  const outcomes = await Promise.all([one, other].map(async (each) => (await each).ended));
  expect(outcomes).toEqual(['clean', 'clean']);
});

it('early hints of the upstream come before the answer', async () => {
  const { url, upstream } = await startWith();
  const hints: unknown[] = [];
  const answering = stream(url, '/events', { onHints: (fields) => void hints.push(fields) });
  const response = await upstream.nth(0);
  response.writeEarlyHints({ link: '</style.css>; rel=preload' });
  await expect.poll(() => hints).toMatchObject([{ link: '</style.css>; rel=preload' }]);
  response.end('done');
  const answer = await answering;
  expect(await answer.ended).toBe('clean');
  expect(answer.text()).toBe('done');
});
