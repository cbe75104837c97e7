import type { ServerResponse } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { encodeAbort, encodeBlocked, encodeChunk, encodeEnd, encodeHead } from '#shared/contract/frame.ts';
import { parseJob } from '#shared/contract/job.ts';
import type { ReplyFrame } from '#shared/contract/reply.ts';
import { decodeSignals } from '#shared/contract/stream-signal.ts';
import type { StreamSignal } from '#shared/contract/stream-signal.ts';
import { serve } from '../fixtures/http-server.ts';
import { speak } from '../fixtures/raw-http.ts';
import type { RawConnection } from '../fixtures/raw-http.ts';
import { metric } from '../fixtures/slow-client.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const replica = 'S1';
const terms = { credit: 65_536 };

interface Begun {
  readonly url: string;
  readonly client: RawConnection;
  readonly id: string;
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
  const client = await speak(url, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await expect.poll(() => responses.length).toBe(1);
  const [id = ''] = await redis.lrange(keys.unfinished(replica).active, 0, -1);
  const job = parseJob((await redis.hget(keys.job(replica, id), 'data')) ?? '');
  expect(job?.frames).toBe(1);
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

it('a gap breaks the connection, and the worker is told to stop', async () => {
  const { client, id, fence, signals, push, finish } = await begun();
  await push(
    encodeHead(id, { status: 200, headers: [] }, Buffer.from('ab'), { fence, ...terms }),
    encodeChunk(id, fence, 3, [Buffer.from('d')]),
  );
  expect(await client.ended).toMatch(/\r\n\r\n2\r\nab\r\n$/);
  await expect.poll(() => signals).toEqual([{ kind: 'cancel', fence, id }]);
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
