import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

import { afterEach, describe, expect, it } from 'vitest';

import { headerValue } from '#shared/contract/headers.ts';
import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';

import { createHandler } from '../../worker/handlers/create-handler.ts';
import type { Handler } from '../../worker/handlers/handler.ts';
import { ReplyBudget } from '../../worker/handlers/reply-budget.ts';
import { handled } from '../fixtures/handled.ts';

const ALL_BYTES = Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i));
const EMPTY = new Uint8Array(0);
const LIMIT_BYTES = 1024 * 1024;
const DEADLINE = new Error('deadline');

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

async function listen(server: Server): Promise<URL> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.push(async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const { port } = server.address() as AddressInfo; // a listening TCP server has one
  return new URL(`http://127.0.0.1:${port}`);
}

async function handlerFor(upstream: URL, connections = 4): Promise<Handler> {
  const handler = await createHandler({
    replica: 'S1',
    upstream,
    connections,
    budget: new ReplyBudget(LIMIT_BYTES),
  });
  opened.push(() => handler.close());
  return handler;
}

const send = (handler: Handler, request: Partial<HttpRequest>, signal = new AbortController().signal) =>
  handled(
    handler,
    { method: 'GET', target: '/', headers: ['Host', 'shop.test'], body: EMPTY, ...request },
    { replica: 'S1', requestId: 'r-1', attempt: 1, deadline: Date.now() + 60_000, signal },
  );

/** Sends one request to a server that runs `listener`. */
async function ask(listener: RequestListener, request: Partial<HttpRequest> = {}): Promise<HttpReply> {
  return send(await handlerFor(await listen(createServer(listener))), request);
}

/** Sends one request to a server that answers with raw bytes and closes the connection. */
async function askRaw(answer: string, request: Partial<HttpRequest> = {}): Promise<HttpReply> {
  const server = createTcpServer((socket) => {
    socket.once('data', () => socket.end(answer, 'latin1'));
  });
  return send(await handlerFor(await listen(server)), request);
}

const text = (reply: HttpReply) => Buffer.from(reply.body).toString('utf8');
const json = (reply: HttpReply): unknown => JSON.parse(text(reply));
const without = (raw: readonly string[], ...names: string[]) =>
  raw.filter((_, i) => !names.includes((raw[i - (i % 2)] ?? '').toLowerCase()));

/** Fields that ringpost adds. */
const ringpostFields = ['ringpost-request', 'ringpost-replica', 'ringpost-attempt'];

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly raw: string[];
  readonly body: string;
}

/** @returns the request as the server received it. */
async function seen(request: Partial<HttpRequest>, path = '/'): Promise<Seen> {
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks).toString('latin1');
      response.end(
        JSON.stringify({ method: incoming.method, url: incoming.url, raw: incoming.rawHeaders, body }),
      );
    });
  });
  const reply = await send(await handlerFor(new URL(path, await listen(server))), request);
  return json(reply) as Seen; // the server above wrote it
}

describe('the request to the upstream', () => {
  it('keeps headers in order and repeated, latin1 and long values whole, and Host', async () => {
    const long = 'x'.repeat(8192);
    const own = [
      'X-A',
      '1',
      'x-b',
      'gr\u00fc\u00df',
      'X-A',
      '2',
      'Cookie',
      'a=1',
      'Cookie',
      'b=2',
      'X-Long',
      long,
    ];
    const { raw } = await seen({ headers: ['Host', 'shop.test:8080', ...own] });
    expect(without(raw, 'host', 'connection', ...ringpostFields)).toEqual(own);
    expect(headerValue(raw, 'host')).toBe('shop.test:8080');
  });

  it('has no hop-by-hop headers of the client', async () => {
    const hop = [
      'Connection',
      'close, X-Mine',
      'X-Mine',
      '1',
      'TE',
      'trailers',
      'Transfer-Encoding',
      'chunked',
    ];
    const more = [
      'Upgrade',
      'websocket',
      'Keep-Alive',
      'timeout=1',
      'Expect',
      '100-continue',
      'Trailer',
      'a',
    ];
    const { raw } = await seen({ method: 'POST', headers: ['Host', 'x', ...hop, ...more], body: ALL_BYTES });
    const sent = ['Host', 'x', 'Connection', 'keep-alive', 'Content-Length', '256'];
    expect(without(raw, ...ringpostFields)).toEqual(sent);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'])(
    'has all bytes and one Content-Length: %s',
    async (method) => {
      const headers = ['Host', 'x', 'Content-Length', '7', 'content-length', '256'];
      const got = await seen({ method, headers, body: ALL_BYTES });
      expect(got.method).toBe(method);
      expect(got.body).toBe(ALL_BYTES.toString('latin1'));
      expect(got.raw.filter((name) => name.toLowerCase() === 'content-length')).toHaveLength(1);
      expect(headerValue(got.raw, 'content-length')).toBe('256');
    },
  );

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])(
    'keeps the framing of an empty %s, and has none without a body',
    async (method) => {
      const empty = await seen({ method, headers: ['Host', 'x', 'Content-Length', '0'] });
      expect(headerValue(empty.raw, 'content-length')).toBe('0');
      const chunked = await seen({ method, emptyChunked: true });
      expect(headerValue(chunked.raw, 'transfer-encoding')).toBe('chunked');
      const none = await seen({ method });
      expect(none.raw.filter((name) => /^(?:content-length|transfer-encoding)$/i.test(name))).toEqual([]);
    },
  );

  it.each([
    ['/', '/a/../b//c?x=%2F&y', '/a/../b//c?x=%2F&y'],
    ['/api/', '/a', '/api/a'],
    ['/api', '//a?', '/api//a?'],
  ])('has, with the prefix %s, for %s the target %s', async (prefix, target, url) => {
    expect((await seen({ target }, prefix)).url).toBe(url);
  });

  it('may be OPTIONS *, for the whole server', async () => {
    expect(await seen({ method: 'OPTIONS', target: '*' }, '/api')).toMatchObject({ url: '*' });
  });

  it.each([
    ['GET', '*'],
    ['CONNECT', 'a.test:443'],
    ['BAD METHOD', '/'],
  ])('is not sent for %s %s: 501', async (method, target) => {
    const reply = await ask((_, response) => response.end(), { method, target });
    expect(reply.status).toBe(501);
    expect(json(reply)).toMatchObject({ code: 'method_not_supported', status: 501 });
  });
});

describe('the answer of the upstream', () => {
  it('returns byte for byte, with headers in order and repeated', async () => {
    const own = [
      'Set-Cookie',
      'a=1',
      'X-Long',
      'y'.repeat(8192),
      'set-cookie',
      'b=2',
      'X-L1',
      '\u00e9\u00ff',
      'Via',
      '',
    ];
    const reply = await ask((_, response) => {
      response.sendDate = false;
      response.writeHead(207, [...own, 'Connection', 'X-Hop', 'X-Hop', '1', 'Content-Length', '256']);
      response.end(ALL_BYTES);
    });
    expect(reply.status).toBe(207);
    expect(reply.headers).toEqual([...own, 'Content-Length', '256']);
    expect(Buffer.from(reply.body)).toEqual(ALL_BYTES);
  });

  it('keeps its Content-Length for HEAD', async () => {
    const reply = await ask((_, response) => response.setHeader('content-length', '1234').end(), {
      method: 'HEAD',
    });
    expect(headerValue(reply.headers, 'content-length')).toBe('1234');
    expect(reply.body.byteLength).toBe(0);
  });

  it('may be 204, or 304 with a Content-Length', async () => {
    const none = await ask((_, response) => response.writeHead(204, ['ETag', '"a"']).end());
    expect([none.status, none.body.byteLength, headerValue(none.headers, 'etag')]).toEqual([204, 0, '"a"']);
    const unchanged = await ask((_, response) => response.writeHead(304, { 'content-length': '99' }).end());
    expect([unchanged.status, unchanged.body.byteLength]).toEqual([304, 0]);
    expect(headerValue(unchanged.headers, 'content-length')).toBe('99');
  });

  it('is assembled from chunks, without Transfer-Encoding', async () => {
    const reply = await ask((_, response) => {
      response.write(ALL_BYTES);
      setImmediate(() => response.end(ALL_BYTES));
    });
    expect(Buffer.from(reply.body)).toEqual(Buffer.concat([ALL_BYTES, ALL_BYTES]));
    expect(headerValue(reply.headers, 'transfer-encoding')).toBeUndefined();
  });

  it('is not decompressed, and a redirect is not followed', async () => {
    const packed = gzipSync('hello');
    const reply = await ask((_, response) => {
      response.writeHead(302, { 'content-encoding': 'gzip', location: '/elsewhere' }).end(packed);
    });
    expect([reply.status, headerValue(reply.headers, 'content-encoding')]).toEqual([302, 'gzip']);
    expect(Buffer.from(reply.body)).toEqual(packed);
  });

  it('is the final answer, without informational ones', async () => {
    const reply = await ask((_, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.writeProcessing();
      response.end('done');
    });
    expect([reply.status, text(reply), headerValue(reply.headers, 'link')]).toEqual([200, 'done', undefined]);
  });

  it('may end with the connection if it has no length', async () => {
    expect(text(await askRaw('HTTP/1.0 200 OK\r\n\r\nuntil the end'))).toBe('until the end');
  });

  it('uses a connection that is kept', async () => {
    const server = createServer((_, response) => response.end());
    let connections = 0;
    server.on('connection', () => {
      connections += 1;
    });
    const handler = await handlerFor(await listen(server), 1);
    for (let i = 0; i < 20; i += 1) expect((await send(handler, {})).status).toBe(200);
    expect(connections).toBe(1);
  });
});

describe('an upstream that fails', () => {
  it('and refuses the connection: 502 upstream_unreachable', async () => {
    const server = createTcpServer();
    const url = await listen(server);
    await opened.pop()?.();
    const reply = await send(await handlerFor(url), { method: 'POST', body: ALL_BYTES });
    expect(reply.status).toBe(502);
    expect(json(reply)).toMatchObject({ code: 'upstream_unreachable', status: 502 });
    expect(text(reply)).toContain('ECONNREFUSED');
  });

  it('and whose name does not exist: 502 upstream_unreachable', async () => {
    const reply = await send(await handlerFor(new URL('http://no-such-host.invalid:1')), {});
    expect(json(reply)).toMatchObject({ code: 'upstream_unreachable' });
  });

  it.each([
    ['before the answer', ''],
    ['within the head', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['within a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345'],
    [
      'within a body of known length, with Connection: close',
      'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\n12345',
    ],
    ['within a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n12345'],
    [
      'before the last chunk',
      'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n',
    ],
    ['after bytes of another protocol', 'SSH-2.0-OpenSSH_9.9\r\n'],
  ])('and ends the connection %s: 502 outcome_unknown', async (_, answer) => {
    const reply = await askRaw(answer, { method: 'POST', body: ALL_BYTES });
    expect(reply.status).toBe(502);
    expect(json(reply)).toMatchObject({ code: 'outcome_unknown', status: 502 });
  });

  it('and resets the connection: 502 outcome_unknown, and the next request is served', async () => {
    let requests = 0;
    const server = createServer((request, response) => {
      requests += 1;
      if (requests === 1) request.socket.resetAndDestroy();
      else response.end('back');
    });
    const handler = await handlerFor(await listen(server), 1);
    expect(json(await send(handler, {}))).toMatchObject({ code: 'outcome_unknown' });
    expect(text(await send(handler, {}))).toBe('back');
  });

  it('and never answers: rejects with the reason of the signal, and drops the connection', async () => {
    const server = createServer();
    const handler = await handlerFor(await listen(server), 1);
    const controller = new AbortController();
    const arrived = once(server, 'request');
    const reply = send(handler, { method: 'POST', body: ALL_BYTES }, controller.signal);
    const failed = reply.catch((error: unknown) => error);
    const [incoming] = (await arrived) as [IncomingMessage]; // as Node documents 'request'
    const dropped = once(incoming.socket, 'close');
    controller.abort(DEADLINE);
    expect(await failed).toBe(DEADLINE);
    await dropped;
  });

  it('and stops within the body: rejects with the reason of the signal', async () => {
    const server = createServer((_, response) => response.writeHead(200, { 'content-length': 9 }).write('1'));
    const handler = await handlerFor(await listen(server));
    const controller = new AbortController();
    const reply = send(handler, {}, controller.signal);
    const failed = reply.catch((error: unknown) => error);
    await once(server, 'request');
    controller.abort(DEADLINE);
    expect(await failed).toBe(DEADLINE);
  });

  it('and keeps a request waiting for a connection: aborted there, it is never sent', async () => {
    const urls: (string | undefined)[] = [];
    const held: ServerResponse[] = [];
    const server = createServer(({ url }, response) => {
      urls.push(url);
      if (url === '/held') held.push(response);
      else response.end();
    });
    const handler = await handlerFor(await listen(server), 1);
    const arrived = once(server, 'request');
    const first = send(handler, { target: '/held' });
    await arrived;
    const controller = new AbortController();
    const second = send(handler, { target: '/second' }, controller.signal);
    const failed = second.catch((error: unknown) => error);
    controller.abort(DEADLINE);
    expect(await failed).toBe(DEADLINE);
    for (const response of held) response.end();
    expect((await first).status).toBe(200);
    expect((await send(handler, { target: '/third' })).status).toBe(200);
    expect(urls).toEqual(['/held', '/third']);
  });

  it('is not asked if the signal has already fired', async () => {
    const handler = await handlerFor(new URL('http://127.0.0.1:1'));
    await expect(send(handler, {}, AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
  });

  it('can be closed twice', async () => {
    const handler = await handlerFor(await listen(createServer((_, response) => response.end())));
    await send(handler, {});
    await Promise.all([handler.close(), handler.close()]);
    await handler.close();
    expect(json(await send(handler, {}))).toMatchObject({ code: 'upstream_unreachable' });
  });
});
