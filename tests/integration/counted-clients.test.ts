import { describe, expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { EndedRequests } from '../../gateway/http/ended-requests.ts';
import { createListener } from '../../gateway/http/listener.ts';
import { lastAnswers } from '../../gateway/routes/last-answers.ts';
import { counted, Counters } from '../fixtures/counters.ts';
import type { Counts } from '../fixtures/counters.ts';
import { ask, speak } from '../fixtures/raw-http.ts';
import type { RawConnection } from '../fixtures/raw-http.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { unreadRequest } from '../fixtures/slow-client.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';

const system = useSystem();
const one = { REPLICAS: '1' };

const get = (target: string, fields = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`;
const post = (target: string, fields: string, body = ''): string =>
  `POST ${target} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n${body}`;

const waiting = ({ gateway }: RunningGateway, count: number): Promise<void> =>
  expect.poll(() => gateway.dispatcher.waitingCount).toBe(count);

async function leave({ socket }: RawConnection): Promise<void> {
  socket.destroy();
  await Promise.resolve();
}

describe('an answer of a replica', () => {
  it('is counted by its status, whatever the status and the kind of request', async () => {
    const { url } = await system().start(one);
    const counters = new Counters(url);
    const key = ['Idempotency-Key', '"k"'];
    expect((await ask(url, { target: '/home' })).status).toBe(200);
    expect((await ask(url, { target: '/home', method: 'HEAD' })).status).toBe(200);
    expect((await ask(url, { target: '/other' })).status).toBe(400);
    expect((await ask(url, { target: '/home', method: 'POST', headers: key })).status).toBe(400);
    expect((await ask(url, { target: '/home', method: 'POST', headers: key })).status).toBe(400);
    const headers = ['Prefer', 'respond-async'];
    expect((await ask(url, { target: '/home', headers })).status).toBe(202);
    expect((await ask(url, { target: '/a', headers: ['Ringpost-Retry', 'maybe'] })).status).toBe(400);
    await counters.expect({ 200: 2, 202: 1, 400: 3, request_malformed: 1 });
  });

  it('is counted once for each request on a connection, whatever order they finish in', async () => {
    const gateway = await system().start({ ...one, HANDLER: handlerFile('slow') });
    const counters = new Counters(gateway.url);
    const requests = [get('/?ms=200'), get('/'), get('/-/live'), get('/?ms=50'), get('/-/none')];
    const { ended } = await speak(gateway.url, requests.join('') + get('/', 'Connection: close\r\n'));
    const statuses = Array.from((await ended).matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => Number(status));
    expect(statuses).toEqual([200, 200, 200, 200, 404, 200]);
    await counters.expect({ 200: 4, 'client 200': 1, 'admin not_found': 1 });
  });

  it('is counted as reply_timeout if it is late', async () => {
    const { url } = await system().start({ ...one, HANDLER: handlerFile('slow'), REPLY_TIMEOUT_MS: '100' });
    expect((await ask(url, { target: '/?ms=2000' })).status).toBe(504);
    await new Counters(url).expect({ reply_timeout: 1 });
  });

  it('comes before the answer to garbage that follows its request', async () => {
    const gateway = await system().start({ ...one, HANDLER: handlerFile('slow') });
    const { ended } = await speak(gateway.url, `${get('/?ms=100')}${get('/?ms=200')}garbage\r\n\r\n`);
    const heard = await ended;
    expect(heard.match(/HTTP\/1\.1 \d+|after \d+ ms/g)).toEqual([
      'HTTP/1.1 200',
      'after 100 ms',
      'HTTP/1.1 200',
      'after 200 ms',
      'HTTP/1.1 400',
    ]);
    await new Counters(gateway.url).expect({ 200: 2, request_malformed: 1 });
  });
});

describe('a client that leaves', () => {
  it('before its answer is counted as 499, once for each pipelined request', async () => {
    const gateway = await system().start({ ...one, HANDLER: handlerFile('slow') });
    const counters = new Counters(gateway.url);
    expect(await counters.read()).toEqual({});
    const single = await speak(gateway.url, get('/?ms=5000'));
    const many = await speak(gateway.url, get('/?ms=5000').repeat(3));
    await waiting(gateway, 4);
    await leave(single);
    await counters.expect({ 499: 1 });
    await leave(many);
    await counters.expect({ 499: 4 });
    const tunnel = await speak(
      gateway.url,
      `${get('/?ms=5000').repeat(3)}CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n`,
    );
    await waiting(gateway, 3);
    await leave(tunnel);
    await counters.expect({ 499: 7 });
  });

  it('in the middle of its upload, or of its answer, is counted as 499', async () => {
    const whole = { STREAM_ABOVE_BYTES: '16000000' };
    const gateway = await system().start({ ...one, ...whole, HANDLER: handlerFile('large') });
    const counters = new Counters(gateway.url);
    const upload = await speak(gateway.url, post('/', 'Content-Length: 100\r\n', 'half'));
    const call = await speak(
      gateway.url,
      post('/add', 'Content-Type: application/json\r\nContent-Length: 100\r\n', '{"n":1'),
    );
    await ask(gateway.url, { target: '/?bytes=1' });
    await counters.expect({ 200: 1 });
    await leave(upload);
    await leave(call);
    await counters.expect({ 200: 1, 499: 1, 'admin 499': 1 });
    const reader = unreadRequest(gateway.url, get('/?bytes=16000000'));
    const held = async (): Promise<string> =>
      (await ask(gateway.url, { target: '/-/metrics' })).body.toString();
    await expect.poll(held).toMatch(/^ringpost_held_bytes 16000000$/m);
    reader.destroy();
    await expect.poll(held).toMatch(/^ringpost_requests_total\{code="499",reason="-",mode="wait"\} 2$/m);
  });

  it('in the middle of a stream is counted as 499', async () => {
    const { url } = await system().start({ ...one, HANDLER: handlerFile('large') });
    const reader = unreadRequest(url, get('/?bytes=16000000'));
    const metrics = async (): Promise<string> => (await ask(url, { target: '/-/metrics' })).body.toString();
    await expect.poll(metrics).toMatch(/^ringpost_open_streams 1$/m);
    reader.destroy();
    await expect.poll(metrics).toMatch(/^ringpost_requests_total\{code="499",reason="-",mode="wait"\} 1$/m);
  });

  it('is counted as 499 if it is disconnected because it does not read its answer', async () => {
    const { url } = await system().start({ ...one, HANDLER: handlerFile('large'), SEND_TIMEOUT_MS: '100' });
    const counters = new Counters(url);
    expect(await counters.read()).toEqual({});
    unreadRequest(url, get('/?bytes=16000000'));
    await counters.expect({ 499: 1 });
  });

  it('before the end of a long poll or an event stream is counted as 499', async () => {
    const gateway = await system().start(one);
    const { url } = gateway;
    const accepted = await ask(url, {
      target: '/home',
      method: 'POST',
      headers: ['Prefer', 'respond-async', 'Ringpost-Delay', '60'],
    });
    expect(accepted.status).toBe(202);
    const { id } = JSON.parse(accepted.body.toString()) as { id: string }; // as the route answers
    const stream = get(`/-/requests/${id}`, 'Accept: text/event-stream\r\n');
    const counters = new Counters(url);
    const poll = await speak(url, get(`/-/requests/${id}?wait=60`));
    const events = await speak(url, stream);
    const stays = await speak(url, stream);
    await Promise.all([events, stays].map(({ until }) => until(/event: queued/)));
    await leave(poll);
    await leave(events);
    await counters.expect({ 202: 1, 'client 499': 2 });
    const before = await counters.read();
    expect((await ask(url, { target: `/-/requests/${id}`, method: 'DELETE' })).status).toBe(200);
    await stays.until(/event: cancelled/);
    await expect
      .poll(async () => counted(before, await counters.read()))
      .toEqual({ 'client 200': 2 } satisfies Counts);
    stays.socket.destroy();
  });
});

describe('a listener that stops', () => {
  it('counts a refused upload by its code, and a running request by its status', async () => {
    const ends: string[] = [];
    const { app, connections } = createListener({
      counter: {
        called: (side, result) => void ends.push(`${side} ${result}`),
        begun: () => undefined,
        dispatched: () => undefined,
      },
      endedRequests: new EndedRequests(() => 0),
      routeOf: ({ url }) => url ?? '/',
      unread: 'dispatch',
      maxConnections: 10,
      headLimitBytes: 65_536,
      headLimitFields: 1000,
      bodyLimitBytes: 1000,
      log: createLogger('test', 'silent'),
    });
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    await app.register(lastAnswers, { connections, timeoutMs: 10_000, onClosing: () => undefined });
    app.post('/upload', () => 'whole');
    app.get('/slow', async () => {
      started.resolve();
      await finish.promise;
      return 'slow';
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const url = app.listeningOrigin;
    const fields = 'Content-Type: application/json\r\nContent-Length: 100\r\n';
    const upload = await speak(url, post('/upload', fields, '{'));
    const slow = await speak(url, get('/slow'));
    await started.promise;
    const stopped = app.close();
    expect(await upload.ended).toMatch(/^HTTP\/1\.1 408 /);
    finish.resolve();
    expect(await slow.ended).toMatch(/^HTTP\/1\.1 200 /);
    await stopped;
    expect(ends).toEqual(['admin request_timeout', 'admin 200']);
  });
});
