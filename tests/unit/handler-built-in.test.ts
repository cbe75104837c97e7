import { describe, expect, it } from 'vitest';

import { headerValue } from '#shared/contract/headers.ts';
import type { HttpReply } from '#shared/contract/http.ts';

import { createBuiltInHandler } from '../../worker/handlers/built-in.ts';
import { createHandler } from '../../worker/handlers/create-handler.ts';
import type { HandlerContext } from '../../worker/handlers/handler.ts';
import { ReplyBudget } from '../../worker/handlers/reply-budget.ts';
import { handled } from '../fixtures/handled.ts';

const budget = new ReplyBudget(1024 * 1024);
const context: HandlerContext = {
  replica: 'S2',
  requestId: '123456',
  attempt: 1,
  deadline: 0,
  signal: new AbortController().signal,
};

function ask(method: string, target: string): Promise<HttpReply> {
  return handled(
    createBuiltInHandler('S2'),
    { method, target, headers: [], body: new Uint8Array(0) },
    context,
  );
}

const text = (reply: HttpReply) => Buffer.from(reply.body).toString('utf8');

describe('the built-in service', () => {
  it('greets with the name of the replica on GET /home', async () => {
    const reply = await ask('GET', '/home');
    expect(reply.status).toBe(200);
    expect(text(reply)).toBe('{"message":"Hello from Server: S2","status":"successful"}');
    expect(headerValue(reply.headers, 'content-type')).toBe('application/json; charset=utf-8');
    expect(headerValue(reply.headers, 'content-length')).toBe(String(reply.body.byteLength));
  });

  it('answers /heartbeat with 200 and no body', async () => {
    const reply = await ask('GET', '/heartbeat');
    expect(reply.status).toBe(200);
    expect(reply.body.byteLength).toBe(0);
  });

  it('names an unknown path without its query', async () => {
    const reply = await ask('GET', '/other?a=1');
    expect(reply.status).toBe(400);
    expect(text(reply)).toBe(
      `{"message":"<Error> '/other' endpoint does not exist in server replicas","status":"failure"}`,
    );
    expect(headerValue(reply.headers, 'content-type')).toBe('application/json; charset=utf-8');
  });

  it('ignores the query of a path that it knows', async () => {
    expect((await ask('GET', '/home?x=/other')).status).toBe(200);
    expect((await ask('GET', '/heartbeat?')).status).toBe(200);
  });

  it.each([
    ['POST', '/home'],
    ['DELETE', '/home'],
    ['PUT', '/heartbeat'],
    ['GET', '/home/'],
    ['GET', '/HOME'],
    ['GET', '/'],
    ['OPTIONS', '*'],
  ])('does not know %s %s', async (method, target) => {
    const reply = await ask(method, target);
    expect(reply.status).toBe(400);
    expect(text(reply)).toContain(`'${target}' endpoint does not exist`);
  });

  it.each(['GET', 'POST', 'DELETE'])('answers %s /report with a report', async (method) => {
    const reply = await ask(method, '/report?of=today');
    expect(reply.status).toBe(200);
    expect(text(reply)).toBe('{"message":"Report of S2","status":"successful"}');
  });

  it.each([
    ['/slow?ms=30', 'S2 took 30 ms'],
    ['/slow?ms=0', 'S2 took 0 ms'],
  ])('answers %s late', async (target, message) => {
    expect(JSON.parse(text(await ask('GET', target)))).toEqual({ message, status: 'successful' });
  });

  it('stops waiting on /slow if its signal is aborted', async () => {
    const aborted = { ...context, signal: AbortSignal.abort() };
    const request = { method: 'GET', target: '/slow?ms=60000', headers: [], body: new Uint8Array(0) };
    expect((await handled(createBuiltInHandler('S2'), request, aborted)).status).toBe(503);
  });

  it.each([
    ['/fail', 500],
    ['/fail?status=503', 503],
    ['/fail?status=200', 500],
    ['/fail?status=x', 500],
  ])('answers %s with %d', async (target, status) => {
    expect((await ask('POST', target)).status).toBe(status);
  });

  it('answers /echo with what it received, without header fields', async () => {
    const request = {
      method: 'POST',
      target: '/echo?a=1',
      headers: ['Authorization', 'secret'],
      body: Buffer.from('hello'),
    };
    expect(JSON.parse(text(await handled(createBuiltInHandler('S2'), request, context)))).toEqual({
      replica: 'S2',
      attempt: 1,
      method: 'POST',
      target: '/echo?a=1',
      body: 'hello',
    });
  });

  it.each(['/home', '/heartbeat', '/other', '/report', '/slow?ms=1', '/fail'])(
    'answers HEAD %s as GET, without the body',
    async (path) => {
      const [head, get] = await Promise.all([ask('HEAD', path), ask('GET', path)]);
      expect(head.body.byteLength).toBe(0);
      expect(head.headers).toEqual(get.headers);
      expect(head.status).toBe(get.status);
    },
  );

  it('quotes the path as valid JSON', async () => {
    expect(JSON.parse(text(await ask('GET', '/a"b')))).toMatchObject({
      message: `<Error> '/a"b' endpoint does not exist in server replicas`,
    });
  });

  it('may be closed twice', async () => {
    const handler = createBuiltInHandler('S1');
    await handler.close();
    await expect(handler.close()).resolves.toBeUndefined();
  });
});

describe('the choice of the handler', () => {
  it('is the built-in service if nothing is set', async () => {
    const handler = await createHandler({ replica: 'S9', connections: 1, budget });
    const reply = await handled(
      handler,
      { method: 'GET', target: '/home', headers: [], body: new Uint8Array(0) },
      context,
    );
    expect(text(reply)).toContain('Server: S9');
  });

  it('is the module if a file is named', async () => {
    const handler = await createHandler({
      replica: 'S9',
      budget,
      handlerPath: './examples/plain.ts',
      connections: 1,
    });
    const reply = await handled(
      handler,
      { method: 'GET', target: '/home', headers: [], body: new Uint8Array(0) },
      context,
    );
    expect(JSON.parse(text(reply))).toMatchObject({ asked: 'GET /home', replica: 'S9', attempt: 1 });
  });

  it('refuses a module together with an upstream', async () => {
    const both = { handlerPath: './examples/plain.ts', upstream: new URL('http://127.0.0.1:1') };
    await expect(createHandler({ replica: 'S1', connections: 1, budget, ...both })).rejects.toThrow(
      'HANDLER, UPSTREAM and COMMAND exclude each other',
    );
  });
});
