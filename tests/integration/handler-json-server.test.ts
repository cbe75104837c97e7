import type { RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { serve } from '../fixtures/http-server.ts';
import { useSystem } from '../fixtures/system.ts';

/** The part of json-server 0.17 used here: an Express app. The package has no types. */
interface JsonServer {
  create(): RequestListener & { use(handlers: unknown): void };
  defaults(options: { logger: boolean }): unknown;
  router(data: object): unknown;
}

const jsonServer = createRequire(import.meta.url)('json-server') as JsonServer; // see the interface
const system = useSystem();

describe('json-server behind three replicas', () => {
  it('creates, reads, replaces, changes, deletes and searches as it does without ringpost', async () => {
    const app = jsonServer.create();
    app.use(jsonServer.defaults({ logger: false }));
    app.use(jsonServer.router({ posts: [{ id: 1, title: 'first' }] }));
    const { url } = await system().start({ UPSTREAM: await serve(app) });
    const replicas = new Set<string | null>();
    const call = async (method: string, path: string, value?: unknown): Promise<[number, unknown]> => {
      const response = await fetch(url + path, {
        method,
        ...(value === undefined
          ? {}
          : { body: JSON.stringify(value), headers: { 'content-type': 'application/json' } }),
      });
      replicas.add(response.headers.get('ringpost-replica'));
      return [response.status, await response.json()];
    };
    expect(await call('POST', '/posts', { title: 'naïve ☃' })).toEqual([201, { title: 'naïve ☃', id: 2 }]);
    expect(await call('GET', '/posts/2')).toEqual([200, { title: 'naïve ☃', id: 2 }]);
    expect(await call('PUT', '/posts/2', { title: 'b' })).toEqual([200, { title: 'b', id: 2 }]);
    expect(await call('PATCH', '/posts/2', { more: [1] })).toEqual([200, { title: 'b', more: [1], id: 2 }]);
    for (let id = 3; id < 30; id += 1) await call('POST', '/posts', { title: 'x'.repeat(id * 100) });
    const [, found] = await call('GET', '/posts?title=b&_limit=1');
    expect(found).toEqual([{ title: 'b', more: [1], id: 2 }]);
    const [, all] = await call('GET', '/posts'); // compressed in transit
    expect(all).toHaveLength(29);
    expect(await call('DELETE', '/posts/2')).toEqual([200, {}]);
    expect(await call('GET', '/posts/2')).toEqual([404, {}]);
    expect(replicas).toEqual(new Set(['S1', 'S2', 'S3']));
  });

  it('answers HEAD, and 304 to its own ETag', async () => {
    const app = jsonServer.create();
    app.use(jsonServer.defaults({ logger: false }));
    app.use(jsonServer.router({ posts: [{ id: 1, title: 'first' }] }));
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: await serve(app) });
    const got = await fetch(`${url}/posts/1`);
    const head = await fetch(`${url}/posts/1`, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String((await got.text()).length));
    const again = await fetch(`${url}/posts/1`, {
      headers: { 'if-none-match': got.headers.get('etag') ?? '', 'cache-control': 'max-age=0' },
    });
    expect([again.status, again.headers.get('etag')]).toEqual([304, got.headers.get('etag')]);
    expect(headerValue([...again.headers].flat(), 'content-length')).toBeUndefined();
  });
});
