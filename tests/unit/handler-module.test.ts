import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { headerValue } from '#shared/contract/headers.ts';
import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';

import type { HandlerContext } from '../../worker/handlers/handler.ts';
import { loadModuleHandler } from '../../worker/handlers/module.ts';
import { ReplyBudget } from '../../worker/handlers/reply-budget.ts';
import { handled } from '../fixtures/handled.ts';

const LIMIT_BYTES = 1024 * 1024;
const budget = new ReplyBudget(LIMIT_BYTES);
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, i) => i);

let directory: string;
let count = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ringpost-handler-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function moduleFile(source: string): Promise<string> {
  count += 1;
  const file = join(directory, `handler-${count}.mjs`);
  await writeFile(file, source);
  return file;
}

const load = async (source: string) => loadModuleHandler(await moduleFile(source), 'S2', budget);

const contextOf = (signal = new AbortController().signal): HandlerContext => ({
  replica: 'S2',
  requestId: 'r-1',
  attempt: 2,
  deadline: 99,
  signal,
});

async function ask(source: string, request: Partial<HttpRequest> = {}): Promise<HttpReply> {
  const handler = await load(source);
  const whole = {
    method: 'GET',
    target: '/',
    headers: ['Host', 'shop.test'],
    body: new Uint8Array(0),
    ...request,
  };
  return handled(handler, whole, contextOf());
}

const text = (reply: HttpReply) => Buffer.from(reply.body).toString('utf8');
const json = (reply: HttpReply): unknown => JSON.parse(text(reply));

const ECHO_URL = 'export default (request) => new Response(request.url);';

describe('the request that a module sees', () => {
  it.each([
    ['shop.test:81', '/a/b?c=%20d&e', 'http://shop.test:81/a/b?c=%20d&e'],
    ['[::1]:5000', '/', 'http://[::1]:5000/'],
    [undefined, '/a', 'http://localhost/a'],
    ['', '/a', 'http://localhost/a'],
    ['user:pw@evil.test', '/a', 'http://localhost/a'],
    ['evil.test/b?', '/a', 'http://localhost/a'],
    ['x:99999', '/a', 'http://localhost/a'],
    ['x', '*', 'http://x/*'],
    ['x', '//evil.test/a', 'http://x//evil.test/a'],
  ])('with Host %s and target %s has the URL %s', async (host, target, url) => {
    const reply = await ask(ECHO_URL, { target, headers: host === undefined ? [] : ['host', host] });
    expect(text(reply)).toBe(url);
  });

  it('has its repeated and latin1 headers', async () => {
    const source = `export default ({ headers }) => Response.json([headers.get('a'), headers.get('b')]);`;
    const reply = await ask(source, { headers: ['A', '1', 'b', 'gr\u00fc\u00df', 'a', '2'] });
    expect(json(reply)).toEqual(['1, 2', 'gr\u00fc\u00df']);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])(
    'has the bytes of a %s',
    async (method) => {
      const source = `export default async (request) => new Response(await request.arrayBuffer(), {
      headers: { 'x-method': request.method } });`;
      const reply = await ask(source, { method, body: ALL_BYTES });
      expect(Buffer.from(reply.body)).toEqual(Buffer.from(ALL_BYTES));
      expect(headerValue(reply.headers, 'x-method')).toBe(method);
    },
  );

  it('comes with a context whose signal it shares', async () => {
    const source = `export default (request, { signal, ...rest }) => {
      const both = new Promise((done) =>
        request.signal.addEventListener('abort', () => done(signal.aborted)));
      return both.then((aborted) => Response.json({ aborted, ...rest })); };`;
    const handler = await load(source);
    const controller = new AbortController();
    const request = { method: 'GET', target: '/', headers: [], body: new Uint8Array(0) };
    const reply = handled(handler, request, contextOf(controller.signal));
    controller.abort();
    expect(json(await reply)).toEqual({
      aborted: true,
      replica: 'S2',
      requestId: 'r-1',
      attempt: 2,
      deadline: 99,
    });
  });

  it.each(['TRACE', 'CONNECT', 'TRACK'])('cannot be a %s, which is answered with 501', async (method) => {
    const reply = await ask(ECHO_URL, { method });
    expect(reply.status).toBe(501);
    expect(json(reply)).toMatchObject({
      code: 'method_not_supported',
      title: 'Method Not Supported',
      status: 501,
    });
  });
});

describe('the reply that a module makes', () => {
  it('keeps the status, all bytes and each Set-Cookie field separately', async () => {
    const reply = await ask(`export default () => {
      const response = new Response(Uint8Array.from({ length: 256 }, (_, i) => i), { status: 418 });
      response.headers.append('set-cookie', 'a=1; Path=/'); response.headers.append('set-cookie', 'b=2');
      response.headers.append('x', '\\u00e9'); return response; };`);
    expect(reply.status).toBe(418);
    expect(reply.headers).toEqual(['set-cookie', 'a=1; Path=/', 'set-cookie', 'b=2', 'x', '\u00e9']);
    expect(Buffer.from(reply.body)).toEqual(Buffer.from(ALL_BYTES));
  });

  it('has no body for HEAD, but the length of the body', async () => {
    const reply = await ask(`export default () => new Response('12345')`, { method: 'HEAD' });
    expect(reply.body.byteLength).toBe(0);
    expect(headerValue(reply.headers, 'content-length')).toBe('5');
  });

  it('has no wrong Content-Length and no hop-by-hop headers', async () => {
    const headers = `{ 'content-length': '9', connection: 'close, x', x: '1', y: '2',
      'content-type': 'a/b' }`;
    const reply = await ask(`export default () => new Response('1', { headers: ${headers} })`);
    expect(reply.headers).toEqual(['content-type', 'a/b', 'y', '2']);
  });

  it('is empty for 204', async () => {
    const reply = await ask('export default () => new Response(null, { status: 204 })');
    expect([reply.status, reply.headers, reply.body.byteLength]).toEqual([204, [], 0]);
  });

  it.each([
    ['throw new RangeError("no")', RangeError, 'no'],
    ['return Promise.reject(new RangeError("later"))', RangeError, 'later'],
    ['return "text"', TypeError, 'must return a Response, but gave a string'],
    ['return', TypeError, 'but gave undefined'],
    ['return { status: 200 }', TypeError, 'but gave an object of type Object'],
    ['return Response.error()', Error, 'network error'],
  ])('is replaced by an error for `%s`', async (body, type, message) => {
    const failed = ask(`export default () => { ${body}; }`);
    await expect(failed).rejects.toThrow(type);
    await expect(failed).rejects.toThrow(message);
  });
});

describe('the export of a module', () => {
  it('may be an object whose fetch is called as a method', async () => {
    const source = `class App { name = 'mine'; fetch() { return new Response(this.name); } }
      export default new App();`;
    expect(text(await ask(source))).toBe('mine');
  });

  it('may be a router that answers to every property, such as itty-router', async () => {
    const source = `const router = {
      __proto__: new Proxy({}, { get: (_, name) => () => { throw new Error(name); } }),
      async fetch(request) { return new Response('routed'); } }; export default router;`;
    const handler = await load(source);
    const request = { method: 'GET', target: '/', headers: [], body: new Uint8Array(0) };
    expect(text(await handled(handler, request, contextOf()))).toBe('routed');
    await expect(handler.close()).resolves.toBeUndefined();
  });

  it.each(['close', '[Symbol.asyncDispose]'])('is closed once by its %s', async (name) => {
    const source = `let closed = 0; export default { async ${name}() { closed += 1; },
      fetch: () => new Response(String(closed)) };`;
    const handler = await load(source);
    await Promise.all([handler.close(), handler.close()]);
    const request = { method: 'GET', target: '/', headers: [], body: new Uint8Array(0) };
    expect(text(await handled(handler, request, contextOf()))).toBe('1');
  });

  it.each([
    ['export const fetch = 1', 'but is undefined'],
    ['export default 7', 'but is a number'],
    ['export default { fetch: 1 }', 'but is an object of type Object'],
    ['export default null', 'but is null'],
  ])('is refused by an error that names the file: %s', async (source, message) => {
    const file = await moduleFile(source);
    const loaded = loadModuleHandler(file, 'S1', budget);
    await expect(loaded).rejects.toThrow(
      `HANDLER ${file} cannot be loaded: the default export must be a function`,
    );
    await expect(loaded).rejects.toThrow(message);
  });

  it('is refused by an error that names the file if there is no such file', async () => {
    const loaded = loadModuleHandler('./no/such.ts', 'S1', budget);
    await expect(loaded).rejects.toThrow(
      `HANDLER ./no/such.ts cannot be loaded: there is no file ${process.cwd()}/no/such.ts`,
    );
    await expect(loadModuleHandler(directory, 'S1', budget)).rejects.toThrow('there is no file');
  });

  it('is refused by an error that says what went wrong during the import', async () => {
    const file = await moduleFile('throw new Error("no database")');
    await expect(loadModuleHandler(file, 'S1', budget)).rejects.toThrow(
      `HANDLER ${file} cannot be loaded: Error: no database (${file}:1:7)`,
    );
  });
});

describe('a Hono app', () => {
  const empty = new Uint8Array(0);

  it('runs unchanged', async () => {
    const handler = await loadModuleHandler('./examples/hono/handler.ts', 'S3', budget);
    const get = async (target: string, method = 'GET') =>
      handled(handler, { method, target, headers: ['Host', 'x'], body: empty }, contextOf());
    await get('/count/acme');
    expect(json(await get('/count/acme'))).toEqual({ tenant: 'acme', count: 2, replica: 'S3' });
    expect(json(await get('/'))).toEqual({ replica: 'S3', tenants: ['acme'] });
    expect((await get('/nowhere')).status).toBe(404);
    expect((await get('/', 'HEAD')).body.byteLength).toBe(0);
  });

  it('echoes bytes', async () => {
    const handler = await loadModuleHandler('./examples/hono/handler.ts', 'S3', budget);
    const headers = ['Content-Type', 'image/png'];
    const request = { method: 'POST', target: '/echo', headers, body: ALL_BYTES };
    const reply = await handled(handler, request, contextOf());
    expect(Buffer.from(reply.body)).toEqual(Buffer.from(ALL_BYTES));
    expect(headerValue(reply.headers, 'content-type')).toBe('image/png');
  });
});
