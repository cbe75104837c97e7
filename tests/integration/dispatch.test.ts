import { METHODS } from 'node:http';
import { describe, expect, it } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { ask, json } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}(\.\w+)?$/;

describe('an answer', () => {
  it('names its replica and its request, with a new id for each request', async () => {
    const { url } = await system().start();
    const ids = new Set<string>();
    for (let i = 0; i < 20; i += 1) {
      const { status, headers, body } = await ask(url, { target: '/home' });
      const replica = headerValue(headers, 'ringpost-replica');
      expect(status).toBe(200);
      expect(body.toString()).toBe(`{"message":"Hello from Server: ${replica}","status":"successful"}`);
      const id = headerValue(headers, 'ringpost-request') ?? '';
      expect(id).toMatch(uuid);
      ids.add(id);
    }
    expect(ids.size).toBe(20);
  });

  it('is that of the built-in service', async () => {
    const { url } = await system().start({ REPLICAS: '1' });
    const beat = await ask(url, { target: '/heartbeat?a' });
    expect([beat.status, beat.body.length, headerValue(beat.headers, 'content-length')]).toEqual([
      200,
      0,
      '0',
    ]);
    const other = await ask(url, { method: 'POST', target: '/other?a=b', body: Buffer.from('x') });
    expect(other.status).toBe(400);
    expect(other.body.toString()).toBe(
      `{"message":"<Error> '/other' endpoint does not exist in server replicas","status":"failure"}`,
    );
    const head = await ask(url, { method: 'HEAD', target: '/home' });
    const get = await ask(url, { target: '/home' });
    expect(head.body).toHaveLength(0);
    for (const name of ['content-type', 'content-length']) {
      expect(headerValue(head.headers, name)).toBe(headerValue(get.headers, name));
    }
  });

  it('is given to every method but CONNECT', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    const methods = METHODS.filter((method) => method !== 'CONNECT');
    const answers = await Promise.all(methods.map((method) => ask(url, { method, target: '/m' })));
    expect(answers.map(({ status }) => status)).toEqual(methods.map(() => 200));
    expect(new Set(upstream.got.map(({ method }) => method))).toEqual(new Set(methods));
  });
});

describe('the reserved prefix', () => {
  it('/-/ is never dispatched: an unknown path gets a 404 problem', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    for (const target of ['/-/y', '/-/x', '/-/live/x', '/-/x?a=%zz', '/-/LIVE', '/-//live']) {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const got = await ask(url, { method, target });
        expect(got.status, `${method} ${target}`).toBe(404);
        expect(headerValue(got.headers, 'content-type')).toMatch(/^application\/problem\+json/);
        expect(json(got)).toMatchObject({ code: 'not_found', status: 404, title: 'Not Found' });
      }
    }
    expect(upstream.got).toEqual([]);
  });

  it.each(['/-/%zz', '/-/x%'])('is never dispatched, not even as %s', async (target) => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    await ask(url, { target });
    expect(upstream.got).toEqual([]);
  });

  it('reports that the gateway lives, and with replicas that it is ready', async () => {
    const { url } = await system().start({ REPLICAS: '2' });
    const live = await ask(url, { target: '/-/live' });
    expect([live.status, json(live)]).toEqual([200, { status: 'live' }]);
    const ready = await ask(url, { target: '/-/ready?x' });
    expect([ready.status, json(ready)]).toEqual([200, { status: 'ready', replicas: ['S1', 'S2'] }]);
    expect(headerValue(ready.headers, 'ringpost-replica')).toBeUndefined();
  });
});

describe('without a replica', () => {
  it('a request gets a 503 with Retry-After within 200 ms, and /-/ready is 503', async () => {
    const { url } = await system().start({ REPLICAS: '0' });
    expect((await ask(url, { target: '/-/live' })).status).toBe(200);
    const times: number[] = [];
    for (let i = 0; i < 50; i += 1) {
      const started = performance.now();
      const got = await ask(url, { method: i % 2 ? 'POST' : 'GET', target: '/home', body: Buffer.from('x') });
      times.push(performance.now() - started);
      expect(got.status).toBe(503);
      expect(headerValue(got.headers, 'retry-after')).toBe('1');
      expect(headerValue(got.headers, 'content-type')).toBe('application/problem+json');
      expect(headerValue(got.headers, 'ringpost-request')).toMatch(uuid);
      expect(headerValue(got.headers, 'ringpost-replica')).toBeUndefined();
      expect(json(got)).toMatchObject({ code: 'no_replica', status: 503 });
    }
    expect(Math.max(...times)).toBeLessThan(200);
    const ready = await ask(url, { target: '/-/ready' });
    expect([ready.status, headerValue(ready.headers, 'retry-after')]).toEqual([503, '1']);
    expect(json(ready)).toMatchObject({ code: 'no_replica' });
  });
});
