import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const HANDLER = fileURLToPath(new URL('../fixtures/handlers/ledger.ts', import.meta.url));

describe('QUEUE_LIMIT counts async requests', () => {
  const burst = 600;

  /** Starts a gateway whose only worker is slow and may have ten requests waiting. */
  async function startSlow(): Promise<(headers: Record<string, string>, at: number) => Promise<Response>> {
    const { url } = await system().start({ REPLICAS: '1', CONCURRENCY: '1', QUEUE_LIMIT: '10', HANDLER });
    return (headers, at) =>
      fetch(`${url}/x?ms=6000`, {
        method: 'POST',
        body: String(at),
        headers: { prefer: 'respond-async', ...headers },
      });
  }

  /** @returns how many of a burst were accepted, refused, and answered with the reply of the handler. */
  async function send(ask: (at: number) => Promise<Response>): Promise<Record<200 | 202 | 503, number>> {
    const answers = await Promise.all(
      Array.from({ length: burst }, async (_, at) => {
        const { status, body } = await ask(at);
        await body?.cancel();
        return status;
      }),
    );
    const count = (wanted: number): number => answers.filter((status) => status === wanted).length;
    return { 200: count(200), 202: count(202), 503: count(503) };
  }

  it.each([
    ['async', () => ({})],
    ['delayed', () => ({ 'ringpost-delay': '3600' })],
    ['in order', () => ({ 'ringpost-delay': '3600', 'ringpost-order': 'key', 'ringpost-key': 'k' })],
    ['with idempotency keys', (at: number) => ({ 'idempotency-key': `key-${at}` })],
  ])('%s', async (_, headersOf: (at: number) => Record<string, string>) => {
    const ask = await startSlow();
    const { 202: accepted, 503: refused } = await send((at) => ask(headersOf(at), at));
    // Ten wait and one runs; one or two more may get the place of the one that left the queue.
    expect(accepted).toBeGreaterThanOrEqual(10);
    expect(accepted).toBeLessThanOrEqual(13);
    expect(refused).toBe(burst - accepted);
    const { wait, delayed } = system().keys.unfinished('S1');
    const { redis, keys } = system();
    expect((await redis.llen(wait)) + (await redis.zcard(delayed))).toBeLessThanOrEqual(12);
    // A refused request leaves no key behind.
    const claims = await redis.keys(`${keys.prefix}:idempotency:*`);
    expect(claims.length).toBe('idempotency-key' in headersOf(0) ? accepted : 0);
  });

  it('but not the repetition of a request with an idempotency key', async () => {
    const ask = await startSlow();
    const headers = { 'idempotency-key': 'one', 'ringpost-key': 'k' };
    const answers = await send(() => ask(headers, 0));
    // On a slow machine the request may be done before the last repetition.
    expect(answers[202] + answers[200]).toBe(burst);
    expect(answers[202]).toBeGreaterThan(0);
  });
});

it('places are free again after requests were abandoned, expired, refused or answered', async () => {
  const { url } = await system().start({ REPLICAS: '1', CONCURRENCY: '2', QUEUE_LIMIT: '20', HANDLER });
  const ask = async (at: number): Promise<number> => {
    const kind = at % 4;
    const headers: Record<string, string> = {};
    if (kind === 1) headers['ringpost-deadline'] = '40';
    if (kind === 2) headers['prefer'] = 'respond-async';
    const signal = kind === 0 ? AbortSignal.timeout(at % 50) : null;
    const { status, body } = await fetch(`${url}/x?ms=10`, { headers, signal });
    await body?.cancel();
    return status;
  };
  await Promise.allSettled(Array.from({ length: 400 }, (_, at) => ask(at)));
  const { wait, active } = system().keys.unfinished('S1');
  const { redis } = system();
  await expect.poll(async () => (await redis.llen(wait)) + (await redis.llen(active))).toBe(0);
  const delayed = { prefer: 'respond-async', 'ringpost-delay': '3600' };
  const fill = async (): Promise<number> => (await fetch(url, { headers: delayed })).status;
  // The gateway counts what it has sent until a check shows that the request has left the queue.
  for (let at = 0; at < 20; at += 1) await expect.poll(fill).toBe(202);
  expect(await fill()).toBe(503);
});

it('a fast replica with a small QUEUE_LIMIT gets a new request for each one it answers', async () => {
  const { url } = await system().start({ REPLICAS: '1', QUEUE_LIMIT: '10', HANDLER });
  const statuses = new Map<number, number>();
  const client = async (name: number): Promise<void> => {
    for (let at = 0; at < 60; at += 1) {
      const idempotent = at % 3 === 0 ? { 'idempotency-key': `${name}-${at}`, 'ringpost-key': 'k' } : {};
      const init: RequestInit = at % 2 === 0 ? { method: 'POST', headers: idempotent } : {};
      const { status, body } = await fetch(`${url}/x`, init);
      await body?.cancel();
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 4 }, (_, name) => client(name)));
  expect([...statuses]).toEqual([[200, 240]]);
});

it('more bytes than BYTES_IN_FLIGHT get 503 at once', async () => {
  const { url } = await system().start({ REPLICAS: '1', BYTES_IN_FLIGHT: '1000', HANDLER });
  const post = (bytes: number): Promise<Response> =>
    fetch(`${url}/x?ms=300`, { method: 'POST', body: 'x'.repeat(bytes) });
  const [first, second] = await Promise.all([post(600), post(600)]);
  expect(new Set([first.status, second.status])).toEqual(new Set([200, 503]));
  expect((await post(1000)).status).toBe(200);
  expect((await post(1001)).status).toBe(503);
});
