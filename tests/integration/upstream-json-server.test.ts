import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { headerValue } from '#shared/contract/headers.ts';

import type { Handler } from '../../worker/handlers/handler.ts';
import { createUpstreamHandler } from '../../worker/handlers/upstream.ts';
import { ReplyBudget } from '../../worker/handlers/reply-budget.ts';
import { handled } from '../fixtures/handled.ts';

/** The part of json-server 0.17 used here: an Express app. The package has no types. */
interface JsonServer {
  create(): RequestListener & { use(handlers: unknown): void };
  defaults(options: { logger: boolean }): unknown;
  router(data: object): unknown;
}

const require = createRequire(import.meta.url);
const jsonServer = require('json-server') as JsonServer; // see the interface

describe('json-server as the upstream', () => {
  const app = jsonServer.create();
  app.use(jsonServer.defaults({ logger: false }));
  app.use(jsonServer.router({ posts: [{ id: 1, title: 'first' }] }));
  const server = createServer(app);
  let handler: Handler;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo; // a listening TCP server has one
    handler = createUpstreamHandler(new URL(`http://127.0.0.1:${port}`), {
      connections: 2,
      budget: new ReplyBudget(1024 * 1024),
    });
  });
  afterAll(async () => {
    await handler.close();
    const closed = once(server, 'close');
    server.close();
    await closed;
  });

  async function ask(method: string, target: string, value?: unknown, headers: string[] = []) {
    const body = value === undefined ? new Uint8Array(0) : Buffer.from(JSON.stringify(value));
    const json = value === undefined ? [] : ['Content-Type', 'application/json'];
    const reply = await handled(
      handler,
      { method, target, headers: ['Host', 'shop.test', ...json, ...headers], body },
      { replica: 'S1', requestId: 'r', attempt: 1, deadline: 0, signal: new AbortController().signal },
    );
    return { ...reply, text: Buffer.from(reply.body).toString('utf8') };
  }

  it('creates, reads, replaces, changes and deletes', async () => {
    const created = await ask('POST', '/posts', { title: 'naïve ☃' });
    expect(created.status).toBe(201);
    expect(headerValue(created.headers, 'location')).toBe('http://shop.test/posts/2');
    expect(JSON.parse((await ask('GET', '/posts/2')).text)).toEqual({ id: 2, title: 'naïve ☃' });
    expect(JSON.parse((await ask('PUT', '/posts/2', { title: 'b' })).text)).toEqual({ id: 2, title: 'b' });
    expect(JSON.parse((await ask('PATCH', '/posts/2', { more: 1 })).text)).toEqual({
      id: 2,
      title: 'b',
      more: 1,
    });
    expect((await ask('DELETE', '/posts/2')).status).toBe(200);
    expect((await ask('GET', '/posts/2')).status).toBe(404);
  });

  it('filters by the query, answers HEAD and 304, and keeps answers compressed', async () => {
    expect(JSON.parse((await ask('GET', '/posts?title=first&_limit=1')).text)).toHaveLength(1);
    const got = await ask('GET', '/posts/1');
    const head = await ask('HEAD', '/posts/1');
    expect(headerValue(head.headers, 'content-length')).toBe(headerValue(got.headers, 'content-length'));
    const etag = headerValue(got.headers, 'etag') ?? '';
    expect(
      (await ask('GET', '/posts/1', undefined, ['If-None-Match', etag, 'Cache-Control', 'max-age=0'])).status,
    ).toBe(304);
    const titles = 'x'.repeat(4096);
    await ask('POST', '/posts', { title: titles });
    const packed = await ask('GET', '/posts', undefined, ['Accept-Encoding', 'gzip']);
    expect(headerValue(packed.headers, 'content-encoding')).toBe('gzip');
    expect([...packed.body.subarray(0, 2)]).toEqual([0x1f, 0x8b]);
  });
});
