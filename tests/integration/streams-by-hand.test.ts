import type { ServerResponse } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import {
  encodeAbort,
  encodeBlocked,
  encodeChunk,
  encodeEnd,
  encodeHead,
  framesWithRoom,
  windowBytes,
} from '#shared/contract/frame.ts';
import { parseJob } from '#shared/contract/job.ts';
import { encodeReply } from '#shared/contract/reply.ts';
import type { ReplyFrame } from '#shared/contract/reply.ts';
import { decodeSignals } from '#shared/contract/stream-signal.ts';
import type { StreamSignal } from '#shared/contract/stream-signal.ts';
import { serve } from '../fixtures/http-server.ts';
import { metricValues } from '../fixtures/metric-values.ts';
import { speak } from '../fixtures/raw-http.ts';
import type { RawConnection } from '../fixtures/raw-http.ts';
import { metric, unreadRequest } from '../fixtures/slow-client.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const replica = 'S1';
const terms = { credit: 65_536 };
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

interface Begun {
  readonly url: string;
  readonly client: RawConnection;
  readonly id: string;
  /** Sends another request, which the test answers as well. @returns its id. */
  next(send: () => Promise<unknown>): Promise<string>;
  readonly fence: number;
  readonly gateway: string;
  /** What the gateway has told the worker. */
  readonly signals: StreamSignal[];
  /** Puts frames into the gateway's inbox. */
  push(...frames: ReplyFrame[]): Promise<unknown>;
  /** Lets the request end, which its worker runs. */
  finish(): void;
}

/**
 * Starts a system in which one request runs, which is not answered. The test sends the frames of its
 * answer.
 */
async function begun(): Promise<Begun> {
  const { start, redis, keys } = system();
  const responses: ServerResponse[] = [];
  const upstream = await serve((_request, response) => void responses.push(response));
  const { url } = await start({ REPLICAS: '1', UPSTREAM: upstream });
  const known = new Set<string>();
  const next = async (send: () => Promise<unknown>): Promise<string> => {
    const before = responses.length;
    await send();
    await expect.poll(() => responses.length).toBe(before + 1);
    const active = await redis.lrange(keys.unfinished(replica).active, 0, -1);
    const id = active.find((each) => !known.has(each)) ?? '';
    known.add(id);
    return id;
  };
  const clients: RawConnection[] = [];
  const id = await next(async () => clients.push(await speak(url, get)));
  const [client] = clients;
  if (client === undefined) throw new Error('it was not sent');
  const job = parseJob((await redis.hget(keys.job(replica, id), 'data')) ?? '');
  expect(job?.frames).toBe(framesWithRoom);
  const gateway = job?.gateway ?? '';
  const signals: StreamSignal[] = [];
  const subscriber = redis.duplicate();
  subscriber.on('message', (_channel, message) => signals.push(...decodeSignals(message)));
  onTestFinished(() => subscriber.disconnect());
  await subscriber.subscribe(keys.signals(replica));
  return {
    url,
    client,
    id,
    next,
    fence: Number(await redis.get(keys.leaseFence(replica))),
    gateway,
    signals,
    push: (...frames) => redis.rpush(keys.inbox(replica, gateway), ...frames),
    finish: () => {
      for (const response of responses) response.end();
    },
  };
}

it('a stream reaches its client as it arrives, each byte once, and is counted at its end', async () => {
  const { url, client, id, fence, gateway, signals, push, finish } = await begun();
  const head = encodeHead(id, { status: 201, headers: [] }, Buffer.from('ab'), { fence, ...terms });
  const chunk = encodeChunk(id, fence, 2, [Buffer.from('cd')]);
  await push(head, chunk);
  await client.until(/^HTTP\/1\.1 201 [^]*\r\n\r\n2\r\nab\r\n2\r\ncd\r\n$/);
  expect(await metric(url, 'ringpost_waiting_requests')).toBe(0);
  await push(chunk, head, encodeBlocked(id, fence, 4));
  await push(
    encodeChunk(id, fence - 1, 4, [Buffer.from('x')]),
    encodeChunk(id, fence, 3, [Buffer.from('de')]),
  );
  await client.until(/\r\n1\r\ne\r\n$/);
  const own = [
    { kind: 'grant', fence, offset: 65_536, id },
    { kind: 'cancel', fence: fence - 1, id },
    { kind: 'present', gateway },
  ];
  await expect.poll(() => signals, { timeout: 10_000 }).toEqual(own);
  const isCounted = async (): Promise<boolean> =>
    (await (await fetch(`${url}/-/metrics`)).text()).includes('ringpost_requests_total{code="201"');
  expect(await isCounted()).toBe(false);
  await push(encodeEnd(id, fence, 5));
  await client.until(/\r\n0\r\n\r\n$/);
  await expect.poll(isCounted).toBe(true);
  finish();
});

it('a gap that stays for 5 s breaks the connection, and the worker is told to stop', async () => {
  const { client, id, fence, signals, push, finish } = await begun();
  await push(
    encodeHead(id, { status: 200, headers: [] }, Buffer.from('ab'), { fence, ...terms }),
    encodeChunk(id, fence, 3, [Buffer.from('d')]),
  );
  expect(await client.ended).toMatch(/\r\n\r\n2\r\nab\r\n$/);
  await expect.poll(() => signals).toContainEqual({ kind: 'cancel', fence, id });
  const others = signals.filter(({ kind }) => kind !== 'cancel' && kind !== 'present');
  expect(others.length).toBeGreaterThan(3);
  expect(new Set(others.map((each) => JSON.stringify(each)))).toEqual(
    new Set([JSON.stringify({ kind: 'missing', offset: 2, id })]),
  );
  finish();
});

it('what is missing is taken when it was sent again', async () => {
  const { client, id, fence, signals, push, finish } = await begun();
  const [c, d] = [2, 3].map((at) => encodeChunk(id, fence, at, [Buffer.from('abcd').subarray(at, at + 1)]));
  await push(
    encodeHead(id, { status: 200, headers: [] }, Buffer.from('ab'), { fence, ...terms }),
    d ?? '',
    encodeEnd(id, fence, 4),
  );
  await expect.poll(() => signals).toContainEqual({ kind: 'missing', offset: 2, id });
  await push(c ?? '', d ?? '', encodeEnd(id, fence, 4));
  await client.until(/\r\n1\r\nc\r\n1\r\nd\r\n0\r\n\r\n$/);
  finish();
});

it('the end of another run is no end, and the abort of a later one breaks the connection', async () => {
  const { client, id, fence, push, finish } = await begun();
  await push(
    encodeHead(id, { status: 200, headers: [] }, Buffer.from('ab'), { fence, ...terms }),
    encodeEnd(id, fence + 1, 2),
    encodeAbort(id, fence - 1, 'worker_died'),
    encodeChunk(id, fence, 2, [Buffer.from('c')]),
  );
  await client.until(/\r\n1\r\nc\r\n$/);
  await push(encodeAbort(id, fence + 1, 'worker_died'));
  expect(await client.ended).toMatch(/\r\n1\r\nc\r\n$/);
  finish();
});

it.each(['with its bytes', 'whose bytes are in a key of their own'])(
  'a whole reply to a request that streams, %s, breaks the connection',
  async (how) => {
    const { redis, keys } = system();
    const { url, client, id, fence, signals, push, finish } = await begun();
    await push(encodeHead(id, { status: 200, headers: [] }, Buffer.from('ab'), { fence, ...terms }));
    await client.until(/ab\r\n$/);
    const isStored = how !== 'with its bytes';
    const stored = keys.replyBody(replica, id);
    if (isStored) await redis.set(stored, 'whole');
    await push(encodeReply(id, { status: 200, headers: [], body: Buffer.from('whole') }, isStored));
    expect(await client.ended).toMatch(/\r\n\r\n2\r\nab\r\n$/);
    await expect.poll(() => signals).toEqual([{ kind: 'cancel', fence, id }]);
    await expect.poll(() => redis.exists(stored)).toBe(0);
    await expect
      .poll(async () => (await metricValues(url)).get('ringpost_streams_aborted_total{cause="lost"}'))
      .toBe(1);
    finish();
  },
);

it('a client that does not read costs one window, and delays neither a stream nor a reply', async () => {
  const { url, client, id, next, fence, signals, push, finish } = await begun();
  const slow = await next(() => Promise.resolve(unreadRequest(url, get)));
  const head = { status: 200, headers: [] };
  await push(...[id, slow].map((each) => encodeHead(each, head, Buffer.from(''), { fence, ...terms })));
  const granted = (): number =>
    Math.max(
      terms.credit,
      ...signals.flatMap((each) => (each.kind === 'grant' && each.id === slow ? [each.offset] : [])),
    );
  const piece = Buffer.alloc(65_536, 'x');
  let sent = 0;
  let most = 0;
  let slowestMs = 0;
  // The systems of both sides take some mebibytes.
  for (let rounds = 0, at = 0; rounds < 20; rounds += 1, at += 1) {
    const frames: ReplyFrame[] = [];
    const end = granted();
    if (end > sent) rounds = 0;
    while (sent < end) {
      const bytes = piece.subarray(0, end - sent);
      frames.push(encodeChunk(slow, fence, sent, [bytes]));
      sent += bytes.length;
    }
    const began = performance.now();
    await push(...frames, encodeBlocked(slow, fence, sent));
    await push(encodeChunk(id, fence, at * 4, [Buffer.from('tick')]));
    await expect.poll(() => client.heard().split('tick').length, { interval: 1 }).toBe(at + 2);
    slowestMs = Math.max(slowestMs, performance.now() - began);
    most = Math.max(most, await metric(url, 'ringpost_held_bytes'));
  }
  expect(most).toBeGreaterThan(windowBytes / 4);
  expect(most).toBeLessThanOrEqual(windowBytes);
  expect(await metric(url, 'ringpost_open_streams')).toBe(2);
  expect(slowestMs).toBeLessThan(2000);
  await push(encodeEnd(slow, fence, sent - 1));
  await expect.poll(() => metric(url, 'ringpost_held_bytes')).toBe(0);
  finish();
});

it('the metrics count streams, their bytes, the time to their first byte, and their aborts', async () => {
  const { url, client, id, next, fence, push, finish } = await begun();
  const shown = async (): Promise<readonly (number | undefined)[]> => {
    const values = await metricValues(url);
    return [
      'ringpost_open_streams',
      'ringpost_streams_total',
      'ringpost_stream_bytes_total',
      'ringpost_stream_chunks_total',
      'ringpost_stream_frames_dropped_total',
      'ringpost_first_byte_seconds_count{replica="S1"}',
      'ringpost_request_seconds_count{replica="S1"}',
      'ringpost_streams_aborted_total{cause="client"}',
      'ringpost_streams_aborted_total{cause="worker_died"}',
    ].map((name) => values.get(name));
  };
  expect(await shown()).toEqual([0, 0, 0, 0, 0, undefined, undefined, undefined, undefined]);
  const head = { status: 200, headers: [] };
  const chunk = encodeChunk(id, fence, 2, [Buffer.from('cde')]);
  await push(encodeHead(id, head, Buffer.from('ab'), { fence, ...terms }), chunk, chunk);
  await client.until(/cde\r\n$/);
  await expect.poll(shown).toEqual([1, 1, 5, 1, 1, 1, 0, undefined, undefined]);
  client.socket.destroy();
  await expect.poll(shown).toEqual([0, 1, 5, 1, 1, 1, 0, 1, undefined]);
  const clients: RawConnection[] = [];
  const other = await next(async () => clients.push(await speak(url, get)));
  await push(
    encodeHead(other, head, Buffer.from('ab'), { fence, ...terms }),
    encodeAbort(other, fence, 'worker_died'),
  );
  await clients[0]?.ended;
  await expect.poll(shown).toEqual([0, 2, 7, 1, 1, 2, 0, 1, 1]);
  finish();
});

it('a client that leaves has its stream cancelled', async () => {
  const { client, id, fence, signals, push, finish } = await begun();
  await push(encodeHead(id, { status: 200, headers: [] }, Buffer.from('ab'), { fence, ...terms }));
  await client.until(/ab\r\n$/);
  client.socket.destroy();
  await expect.poll(() => signals, { interval: 1 }).toEqual([{ kind: 'cancel', fence, id }]);
  finish();
});

it('a stream whose job Redis has lost breaks off', async () => {
  const { redis, keys } = system();
  const { client, id, fence, push, finish } = await begun();
  await push(encodeHead(id, { status: 200, headers: [] }, Buffer.from('ab'), { fence, ...terms }));
  await client.until(/ab\r\n$/);
  await redis.del(keys.job(replica, id));
  expect(await client.ended).toMatch(/\r\nab\r\n$/);
  finish();
});
