import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { readRecord } from '#shared/contract/request-record.ts';
import type { RequestRecord } from '#shared/contract/request-record.ts';
import { serve } from '../fixtures/http-server.ts';
import { metric } from '../fixtures/slow-client.ts';
import { useSystem } from '../fixtures/system.ts';
import { leaseOf } from '../fixtures/workers.ts';

const system = useSystem();
const replica = 'S1';
const events = { 'content-type': 'text/event-stream' };

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Starts a system with one replica, whose upstream answers what the test writes. */
async function startWith(settings: Record<string, string> = {}) {
  const exchanges: Exchange[] = [];
  const upstream = await serve((request, response) => void exchanges.push({ request, response }));
  const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream, ...settings });
  const nth = async (at: number): Promise<Exchange> => {
    await expect.poll(() => exchanges.length, { interval: 5 }).toBeGreaterThan(at);
    const exchange = exchanges[at];
    if (exchange === undefined) throw new Error(`there is no request ${at}`);
    return exchange;
  };
  return { url, nth };
}

/** Submits an async request. @returns its id. */
async function submit(url: string, headers: Record<string, string> = {}): Promise<string> {
  const accepted = await fetch(url, { headers: { prefer: 'respond-async', ...headers } });
  expect(accepted.status).toBe(202);
  return accepted.headers.get('ringpost-request') ?? '';
}

async function recordOf(id: string): Promise<RequestRecord | undefined> {
  const { redis, keys } = system();
  return readRecord(await redis.hgetall(keys.request(replica, id)), Date.now());
}

/** @returns the bytes of the kept stream so far. */
async function kept(id: string): Promise<string> {
  const { redis, keys } = system();
  const fence = (await recordOf(id))?.stream?.fence ?? 0;
  const entries = await redis.xrange(keys.keptStream(replica, id, fence), '-', '+');
  return entries.map(([, fields]) => (fields[0] === 'b' ? fields[1] : '')).join('');
}

async function killWorker(signal: NodeJS.Signals): Promise<void> {
  const pid = (await leaseOf(system(), replica))?.pid;
  if (pid === undefined) throw new Error('no worker has the lease');
  process.kill(pid, signal);
}

describe('the answer of an async request that is a stream', () => {
  it('is kept as it comes, and whole in the end', async () => {
    const { url, nth } = await startWith();
    const id = await submit(url);
    const { response } = await nth(0);
    response.writeHead(200, events);
    response.write('id: 1\ndata: one\n\n');
    await expect.poll(() => kept(id)).toBe('id: 1\ndata: one\n\n');
    expect(await recordOf(id)).toMatchObject({ state: 'running', stream: { status: 200 } });
    const { redis, keys } = system();
    expect(await redis.smembers(keys.streams(replica))).toEqual([id]);
    expect(await redis.llen(keys.unfinished(replica).active)).toBe(0);
    response.end('id: 2\ndata: two\n\n');
    await expect.poll(async () => (await recordOf(id))?.state).toBe('done');
    expect(await kept(id)).toBe('id: 1\ndata: one\n\nid: 2\ndata: two\n\n');
    expect(await recordOf(id)).toMatchObject({ status: 200, stream: { length: 34, lastId: '2' } });
    await expect.poll(() => redis.scard(keys.streams(replica))).toBe(0);
    expect(await redis.exists(keys.job(replica, id))).toBe(0);
  });

  it('fails if it has more bytes than REPLY_LIMIT_BYTES', async () => {
    const { url, nth } = await startWith({ REPLY_LIMIT_BYTES: '1024' });
    const id = await submit(url);
    const { response } = await nth(0);
    response.writeHead(200, events);
    response.write('data: one\n\n');
    await expect.poll(() => kept(id)).toBe('data: one\n\n');
    response.write(`data: ${'x'.repeat(2000)}\n\n`);
    await expect.poll(async () => (await recordOf(id))?.state).toBe('failed');
    expect(await recordOf(id)).toMatchObject({ status: 502, code: 'reply_too_large' });
  });

  it('fails if its worker dies, and the request does not say that it may be taken up', async () => {
    const { url, nth } = await startWith({ LEASE_MS: '600' });
    const id = await submit(url);
    const { response } = await nth(0);
    response.writeHead(200, events);
    response.write('data: one\n\n');
    await expect.poll(() => kept(id)).toBe('data: one\n\n');
    await killWorker('SIGKILL');
    await expect.poll(async () => (await recordOf(id))?.state).toBe('failed');
    expect(await recordOf(id)).toMatchObject({ status: 502, code: 'worker_died' });
  });
});

describe.each(['SIGKILL', 'SIGTERM'] as const)('a stream of events whose worker gets %s', (signal) => {
  it('goes on where it was left', async () => {
    const { url, nth } = await startWith({ LEASE_MS: '600' });
    const id = await submit(url, { 'ringpost-retry': 'always', 'last-event-id': 'old' });
    const first = await nth(0);
    expect(first.request.headers['last-event-id']).toBe('old');
    first.response.writeHead(200, events);
    first.response.write('id: 1\ndata: one\n\n');
    await expect.poll(() => kept(id)).toBe('id: 1\ndata: one\n\n');
    // Half of an event is not kept.
    first.response.write('id: 2\ndata: ');
    await killWorker(signal);
    const second = await nth(1);
    expect(second.request.headers).toMatchObject({
      'ringpost-resume-from': '17',
      'last-event-id': '1',
      'ringpost-attempt': '2',
    });
    second.response.writeHead(200, { ...events, 'ringpost-resumed-from': '17' });
    second.response.end('id: 2\ndata: two\n\n');
    await expect.poll(async () => (await recordOf(id))?.state).toBe('done');
    expect(await kept(id)).toBe('id: 1\ndata: one\n\nid: 2\ndata: two\n\n');
    expect(await recordOf(id)).toMatchObject({ stream: { length: 34, lastId: '2' } });
    await expect.poll(() => metric(url, 'ringpost_stream_resumes_total')).toBe(1);
  });

  it('fails if the next run does not go on there', async () => {
    const { url, nth } = await startWith({ LEASE_MS: '600' });
    const id = await submit(url, { 'ringpost-retry': 'always' });
    const first = await nth(0);
    first.response.writeHead(200, events);
    first.response.write('id: 1\ndata: one\n\n');
    await expect.poll(() => kept(id)).toBe('id: 1\ndata: one\n\n');
    await killWorker(signal);
    const second = await nth(1);
    second.response.writeHead(200, events);
    second.response.end('id: 1\ndata: one\n\n');
    await expect.poll(async () => (await recordOf(id))?.state).toBe('failed');
    expect(await recordOf(id)).toMatchObject({ status: 502, code: 'worker_died' });
    expect((await recordOf(id))?.stream?.length).toBeUndefined();
    expect(await metric(url, 'ringpost_stream_resumes_total')).toBe(0);
  });
});
