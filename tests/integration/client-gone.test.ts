import { once } from 'node:events';
import { get } from 'node:http';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { serve } from '../fixtures/http-server.ts';
import { ask, speak } from '../fixtures/raw-http.ts';
import type { RawConnection } from '../fixtures/raw-http.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

/** An upstream whose `/stream` never ends. @returns its address and how many streams are open. */
async function endlessUpstream(): Promise<{ readonly url: string; readonly open: () => number }> {
  const streams = new Set<ServerResponse>();
  const url = await serve((request, response) => {
    if (request.url !== '/stream') {
      response.end('quick');
      return;
    }
    streams.add(response);
    response.once('close', () => streams.delete(response));
    response.write('begun');
    const timer = setInterval(() => response.write('more'), 100);
    response.once('close', () => clearInterval(timer));
  });
  return { url, open: () => streams.size };
}

it('330 clients that leave endless streams free all slots for the next request', async () => {
  const { start, redis, keys } = system();
  const upstream = await endlessUpstream();
  const { url } = await start({ UPSTREAM: upstream.url });
  const clients = Array.from({ length: 330 }, () => get(`${url}/stream`, { agent: false }));
  for (const client of clients) client.on('error', () => undefined);
  // Each of three replicas runs 100 at once; random keys do not spread quite evenly.
  await expect.poll(upstream.open, { timeout: 20_000 }).toBeGreaterThan(270);
  const subscriber = redis.duplicate();
  let messages = 0;
  subscriber.on('message', () => (messages += 1));
  await subscriber.subscribe(keys.cancellations);
  for (const client of clients) client.destroy();
  const began = performance.now();
  const answers = await Promise.all(Array.from({ length: 30 }, () => ask(url, { target: '/quick' })));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(performance.now() - began).toBeLessThan(2000);
  await expect.poll(upstream.open, { timeout: 2000 }).toBe(0);
  // Clients that leave together share one message.
  expect(messages).toBeLessThan(60);
  subscriber.disconnect();
}, 60_000);

it.each(['GET', 'HEAD', 'OPTIONS'])(
  'the signal of a running %s fires when its client leaves',
  async (method) => {
    const { url } = await startOne();
    const connection = await speak(url, `${method} /x?ms=20000 HTTP/1.1\r\nHost: h\r\n\r\n`);
    await expect.poll(workers.runs, { timeout: 10_000 }).toEqual([`${method} /x begun`]);
    connection.socket.destroy();
    await expect.poll(workers.runs, { timeout: 2000 }).toEqual([`${method} /x begun`, `${method} /x gone`]);
  },
);

describe('a client that ends only its side of the connection counts as gone', () => {
  /** Ends the client's side, and keeps the other side open for an answer. */
  const halfClose = async ({ socket, ended }: RawConnection): Promise<void> => {
    socket.end();
    await ended;
  };

  it('the signal of a running GET fires, and a running POST is finished', async () => {
    const { url } = await startOne();
    const head = 'HTTP/1.1\r\nHost: h\r\n';
    const reads = await speak(url, `GET /get?ms=20000 ${head}\r\n`);
    const writes = await speak(url, `POST /post?ms=1000 ${head}Content-Length: 0\r\n\r\n`);
    await expect.poll(workers.runs, { timeout: 10_000 }).toHaveLength(2);
    await Promise.all([halfClose(reads), halfClose(writes)]);
    await expect
      .poll(workers.runs, { timeout: 10_000 })
      .toEqual(expect.arrayContaining(['GET /get gone', 'POST /post done']));
    expect([reads.heard(), writes.heard()]).toEqual(['', '']);
  });

  it('a request that has not started is taken back', async () => {
    const { url, gateway } = await startOne({ CONCURRENCY: '1' });
    const first = await speak(url, 'POST /first?ms=1500 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n');
    await expect.poll(workers.runs, { timeout: 10_000 }).toEqual(['POST /first begun']);
    const second = await speak(url, 'POST /second HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n');
    await expect.poll(() => gateway.dispatcher.waitingCount, { timeout: 10_000 }).toBe(2);
    await halfClose(second);
    await first.until(/ 200 OK/);
    first.socket.destroy();
    expect((await ask(url, { target: '/last' })).status).toBe(200);
    expect(await workers.runs()).toEqual([
      'POST /first begun',
      'POST /first done',
      'GET /last begun',
      'GET /last done',
    ]);
  });

  it('its answer is cut off, and the gateway lives on', async () => {
    const upstream = await serve((request, response) => {
      response.end(request.url === '/large' ? Buffer.alloc(16 * 1024 * 1024) : 'quick');
    });
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream });
    const client = await speak(url, 'GET /large HTTP/1.1\r\nHost: h\r\n\r\n');
    await client.until(/ 200 OK/);
    client.socket.pause();
    client.socket.end();
    client.socket.resume();
    await client.ended;
    expect((await ask(url, { target: '/quick' })).body.toString()).toBe('quick');
  });

  it('a request with an incomplete body is not answered and does not run', async () => {
    const { url } = await startOne();
    const client = await speak(url, 'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc');
    client.socket.end();
    expect(await client.ended).toBe('');
    expect((await ask(url, { target: '/y' })).status).toBe(200);
    expect(await workers.runs()).toEqual(['GET /y begun', 'GET /y done']);
  });
});

it('a request that may change something, or is async, runs although its client has left', async () => {
  const { url } = await startOne({ CONCURRENCY: '10' });
  const length = 'Content-Length: 0\r\n';
  const sent = [
    ...['POST', 'PUT', 'PATCH', 'DELETE'].map((method) => [method, length] as const),
    ['GET', 'Prefer: respond-async, wait=20\r\n'] as const,
    ['POST', `${length}Idempotency-Key: 1\r\n`] as const,
  ];
  const connections = await Promise.all(
    sent.map(([method, headers], at) =>
      speak(url, `${method} /${at}?ms=1500 HTTP/1.1\r\nHost: h\r\n${headers}\r\n`),
    ),
  );
  await expect.poll(workers.runs, { timeout: 10_000 }).toHaveLength(sent.length);
  for (const { socket } of connections) socket.destroy();
  await expect.poll(workers.runs, { timeout: 10_000 }).toHaveLength(2 * sent.length);
  const done = (await workers.runs()).filter((line) => line.endsWith(' done'));
  expect(done.toSorted()).toEqual(sent.map(([method], at) => `${method} /${at} done`).toSorted());
});

it('all pipelined requests of a client end with its connection', async () => {
  const { url, gateway } = await startOne();
  const one = 'GET /x?ms=20000 HTTP/1.1\r\nHost: h\r\n\r\n';
  const connection = await speak(url, one.repeat(60));
  await expect.poll(() => gateway.dispatcher.waitingCount, { timeout: 10_000 }).toBe(60);
  await expect.poll(workers.runs, { timeout: 10_000 }).toHaveLength(5);
  connection.socket.destroy();
  await expect.poll(() => gateway.dispatcher.waitingCount, { timeout: 2000 }).toBe(0);
  await expect
    .poll(async () => (await workers.runs()).filter((line) => line.endsWith(' gone')), { timeout: 2000 })
    .toHaveLength(5);
  const began = performance.now();
  expect((await ask(url, { target: '/y' })).status).toBe(200);
  expect(performance.now() - began).toBeLessThan(1000);
});

it.each(['batched', 'stock'])(
  'no slot of a %s consumer stays taken, no matter when a client leaves',
  async (consumer) => {
    const { redis, keys } = system();
    const { url } = await startOne({ CONSUMER: consumer });
    for (let at = 0; at < 300; at += 1) {
      const connection = await speak(url, `GET /${at}?ms=25000 HTTP/1.1\r\nHost: h\r\n\r\n`);
      const until = performance.now() + Math.random() * 4;
      while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
      connection.socket.destroy();
      await once(connection.socket, 'close');
    }
    await expect.poll(() => redis.llen(keys.unfinished('S1').active), { timeout: 3000 }).toBe(0);
    await delay(100);
    const began = performance.now();
    expect((await ask(url, { target: '/y' })).status).toBe(200);
    expect(performance.now() - began).toBeLessThan(1000);
    const runs = await workers.runs();
    const started = runs.filter((line) => line.endsWith(' begun')).length;
    expect(started).toBeGreaterThan(1);
    expect(runs.filter((line) => line.endsWith(' gone'))).toHaveLength(started - 1);
  },
  60_000,
);

/** Starts a gateway with one replica that runs five requests at once. */
function startOne(settings: NodeJS.ProcessEnv = {}): Promise<RunningGateway> {
  const own = { REPLICAS: '1', CONCURRENCY: '5', HANDLER: handlerFile('leaving'), LEDGER: workers.ledger() };
  return system().start({ ...own, ...settings });
}
