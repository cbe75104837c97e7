import { expect, it } from 'vitest';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const caching = ['Cache-Control', 'public, max-age=60', 'Expires', 'Thu, 01 Jan 2099 00:00:00 GMT'];
const headers = [
  ...caching,
  'CDN-Cache-Control',
  'max-age=60',
  'Surrogate-Control',
  'max-age=60',
  'X-A',
  'b',
];

it('answers no-store for records, kept answers, changes, dead letters and 202', async () => {
  const upstream = await recordingUpstream();
  upstream.answer = { status: 500, headers, body: Buffer.from('why') };
  const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
  const accepted = await fetch(`${url}/x`, { headers: { prefer: 'respond-async' } });
  expect([accepted.status, accepted.headers.get('cache-control')]).toEqual([202, 'no-store']);
  const id = accepted.headers.get('ringpost-request') ?? '';
  const { redis, keys } = system();
  await expect.poll(() => redis.exists(keys.deadLetter(id))).toBe(1);
  const calls = [
    [200, `/-/requests/${id}`, {}],
    [200, `/-/requests/${id}`, { method: 'HEAD' }],
    [200, `/-/requests/${id}`, { headers: { accept: 'text/event-stream' } }],
    [409, `/-/requests/${id}`, { method: 'DELETE' }],
    [404, '/-/requests/nobody', {}],
    [404, '/-/requests/nobody/reply', {}],
    [200, '/-/dead-letters', {}],
    [200, `/-/dead-letters/${id}`, {}],
    [404, '/-/dead-letters/nobody', {}],
    [204, `/-/dead-letters/${id}`, { method: 'DELETE' }],
  ] as const;
  for (const [status, path, init] of calls) {
    const response = await fetch(`${url}${path}`, init);
    expect([response.status, response.headers.get('cache-control')], path).toEqual([status, 'no-store']);
    await response.arrayBuffer();
  }
});

it('replaces the cache fields of a kept answer by no-store, and leaves those of a plain answer', async () => {
  const upstream = await recordingUpstream();
  upstream.answer = { status: 200, headers, body: Buffer.from('answer') };
  const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
  const plain = await fetch(`${url}/x`);
  expect(plain.headers.get('cache-control')).toBe('public, max-age=60');
  expect(plain.headers.get('expires')).toBe('Thu, 01 Jan 2099 00:00:00 GMT');
  const accepted = await fetch(`${url}/x`, { headers: { prefer: 'respond-async' } });
  const id = accepted.headers.get('ringpost-request') ?? '';
  const kept = await fetch(`${url}/-/requests/${id}/reply?wait=5`);
  expect(await kept.text()).toBe('answer');
  expect(kept.headers.get('cache-control')).toBe('no-store');
  for (const name of ['expires', 'cdn-cache-control', 'surrogate-control'])
    expect(kept.headers.has(name)).toBe(false);
  expect(kept.headers.get('x-a')).toBe('b');
});
