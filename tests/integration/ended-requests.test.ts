import { expect, it } from 'vitest';
import type { EndedRequest, EndedRequestListener } from '../../gateway/http/ended-request.ts';
import { ask } from '../fixtures/raw-http.ts';
import { valuesOf } from '../fixtures/request-heads.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

/** Keeps what it is told. */
class Listener implements EndedRequestListener {
  readonly requests: EndedRequest[] = [];
  readonly refusals: EndedRequest[] = [];

  ended(request: EndedRequest): void {
    this.requests.push(request);
  }

  refused(request: EndedRequest): void {
    this.refusals.push(request);
  }
}

it('a listener is told the facts of each dispatched request that has ended', async () => {
  const { url, gateway } = await system().start({ REPLICAS: '1' });
  const listener = new Listener();
  const remove = gateway.endedRequests.add(listener);
  const next = async (): Promise<EndedRequest | undefined> => {
    await expect.poll(() => listener.requests.length, { timeout: 20_000 }).toBeGreaterThan(0);
    return listener.requests.shift();
  };
  const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;

  const before = Date.now();
  const slow = await ask(url, {
    target: '/slow?ms=30',
    headers: ['Ringpost-Key', 'k', 'Traceparent', traceparent],
  });
  const waited = await next();
  expect(waited).toMatchObject({
    id: valuesOf(slow.headers, 'ringpost-request')[0],
    method: 'GET',
    target: '/slow?ms=30',
    key: 'k',
    replica: 'S1',
    status: 200,
    code: undefined,
    mode: 'wait',
    attempt: 1,
    adoptedBy: undefined,
    bytesIn: 0,
    bytesOut: slow.body.length,
    client: '127.0.0.1',
    traceId: '1'.repeat(32),
  });
  expect(waited?.at).toBeGreaterThan(before - 1000);
  expect(waited?.serviceMs).toBeGreaterThan(28);
  expect(waited?.queueMs).toBeGreaterThanOrEqual(0);
  expect(waited?.totalMs).toBeGreaterThan(waited?.serviceMs ?? Number.POSITIVE_INFINITY);

  const post = { target: '/echo', method: 'POST', body: Buffer.from('abc') };
  const headers = ['Ringpost-Key', 'k', 'Idempotency-Key', '"one"'];
  await ask(url, { ...post, headers });
  const first = await next();
  expect(first).toMatchObject({ method: 'POST', mode: 'wait', status: 200, bytesIn: 3 });
  expect(first?.serviceMs).toBeGreaterThanOrEqual(0);
  await ask(url, { ...post, headers });
  expect(await next()).toMatchObject({ id: first?.id, status: 200, serviceMs: undefined });

  const accepted = await ask(url, { ...post, headers: ['Ringpost-Key', 'k', 'Prefer', 'respond-async'] });
  expect(accepted.status).toBe(202);
  expect(await next()).toMatchObject({
    id: valuesOf(accepted.headers, 'ringpost-request')[0],
    mode: 'async',
    status: 202,
    replica: 'S1',
    serviceMs: undefined,
  });

  await ask(url, { target: '/home', headers: ['Ringpost-Key', 'k', 'Ringpost-Retry', 'perhaps'] });
  expect(await next()).toMatchObject({ status: 400, code: 'request_malformed', replica: undefined });

  await ask(url, { target: '/home', headers: ['Ringpost-Key', 'k', 'Connection', 'ringpost-key'] });
  await expect.poll(() => listener.refusals).toHaveLength(1);
  expect(listener.refusals[0]).toMatchObject({ id: '', target: '/home', status: 400 });

  remove();
  await ask(url, { target: '/home' });
  expect(listener.requests).toEqual([]);
});
