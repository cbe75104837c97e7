import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';
import { createHandler } from '../../worker/handlers/create-handler.ts';
import type { Handler } from '../../worker/handlers/handler.ts';
import { ReplyBudget } from '../../worker/handlers/reply-budget.ts';
import { gathering, handled } from '../fixtures/handled.ts';

const limitBytes = 1024 * 1024;
const chunk = Buffer.alloc(65_536, 'x');
const problem = { status: 502, problem: 'reply_too_large' };

/** Starts an upstream with this listener. @returns its handler and its connections. */
async function upstream(listener: RequestListener, budget = new ReplyBudget(limitBytes)) {
  const server = createServer(listener);
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => void sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a listening TCP server has one
  const url = new URL(`http://127.0.0.1:${port}`);
  const made = await createHandler({ replica: 'S1', upstream: url, connections: 4, budget });
  const handler = gathering(made, budget);
  onTestFinished(async () => {
    await handler.close();
    server.closeAllConnections();
    server.close();
  });
  return { handler, sockets };
}

const send = (
  handler: Handler,
  request: Partial<HttpRequest> = {},
  { requestId = 'r-1', signal = new AbortController().signal } = {},
): Promise<HttpReply> =>
  handled(
    handler,
    { method: 'GET', target: '/', headers: ['Host', 'x'], body: Buffer.alloc(0), ...request },
    { replica: 'S1', requestId, attempt: 1, deadline: Date.now() + 60_000, signal },
  );

/** Writes endlessly, as fast as the reader reads. @returns how many bytes were written. */
function flood(response: ServerResponse): () => number {
  let bytes = 0;
  const more = (): void => {
    while (!response.destroyed && response.write(chunk)) bytes += chunk.length;
    bytes += chunk.length;
  };
  response.on('drain', more);
  more();
  return () => bytes;
}

it('an endless answer is dropped at the limit, and the next answer arrives', async () => {
  let written = (): number => 0;
  const { handler, sockets } = await upstream((request, response) => {
    if (request.url === '/endless') written = flood(response);
    else response.end('next');
  });
  expect(await send(handler, { target: '/endless' })).toMatchObject(problem);
  await expect.poll(() => sockets[0]?.destroyed).toBe(true);
  // The limit, and the buffers of both sockets.
  expect(written()).toBeLessThan(limitBytes + 8 * 1024 * 1024);
  expect(String((await send(handler)).body)).toBe('next');
});

it('an answer whose Content-Length exceeds the limit is dropped before its body arrives', async () => {
  const { handler, sockets } = await upstream((_, response) => {
    response.writeHead(200, { 'content-length': limitBytes + 1 });
    response.flushHeaders();
  });
  expect(await send(handler)).toMatchObject(problem);
  await expect.poll(() => sockets[0]?.destroyed).toBe(true);
});

it('an answer may have exactly as many bytes as the limit', async () => {
  const body = Buffer.alloc(limitBytes, 'y');
  const { handler } = await upstream((request, response) => {
    if (request.url === '/chunked') response.write(body.subarray(0, 10));
    response.end(request.url === '/chunked' ? body.subarray(10) : body);
  });
  for (const target of ['/', '/chunked']) {
    expect(body.equals((await send(handler, { target })).body)).toBe(true);
  }
});

it('HEAD, 304 and 204 have no body, so their Content-Length is not limited', async () => {
  const { handler } = await upstream((request, response) => {
    const status = Number(request.url?.slice(1));
    response.writeHead(status, status === 204 ? {} : { 'content-length': 99_999_999 }).end();
  });
  const head = await send(handler, { method: 'HEAD', target: '/200' });
  expect([head.status, headerValue(head.headers, 'content-length')]).toEqual([200, '99999999']);
  expect((await send(handler, { target: '/304' })).status).toBe(304);
  expect((await send(handler, { target: '/204' })).status).toBe(204);
});

it.each(['/known', '/chunked'])('an answer at %s waits for bytes that others hold', async (target) => {
  const budget = new ReplyBudget(limitBytes);
  const size = 900_000;
  let written = 0;
  const { handler } = await upstream((request, response) => {
    response.writeHead(200, request.url === '/known' ? { 'content-length': size } : {});
    const more = (): void => {
      while (written < size) {
        const piece = chunk.subarray(0, Math.min(chunk.length, size - written));
        written += piece.length;
        if (!response.write(piece)) return;
      }
      response.end();
    };
    response.on('drain', more);
    more();
  }, budget);
  budget.count('oldest', limitBytes);
  budget.count('large', budget.totalBytes - limitBytes);
  let done = false;
  const reply = send(handler, { target }, { requestId: 'waiting' }).finally(() => (done = true));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(done).toBe(false);
  budget.release('large');
  const { status, body } = await reply;
  expect([status, body.length]).toEqual([200, size]);
  budget.release('oldest');
  expect(budget.heldBytes).toBeGreaterThanOrEqual(size);
  budget.release('waiting');
  expect(budget.heldBytes).toBe(0);
});

it('many answers share the budget, and each is completed', async () => {
  const budget = new ReplyBudget(32 * limitBytes);
  const body = Buffer.alloc(16 * 1024 * 1024, 'z');
  const { handler } = await upstream((request, response) => {
    if (request.url === '/known') response.setHeader('content-length', body.length);
    response.end(body);
  }, budget);
  let most = 0;
  const one = async (id: number): Promise<number> => {
    const target = id % 2 === 0 ? '/known' : '/chunked';
    const reply = await send(handler, { target }, { requestId: String(id) });
    most = Math.max(most, budget.heldBytes);
    // As the runner does once Redis has the answer.
    await new Promise((resolve) => setTimeout(resolve, 10));
    budget.release(String(id));
    return reply.body.length;
  };
  const lengths = await Promise.all(Array.from({ length: 20 }, (_, id) => one(id)));
  expect(lengths).toEqual(Array.from({ length: 20 }, () => body.length));
  expect(most).toBeLessThanOrEqual(budget.totalBytes);
  expect(budget.heldBytes).toBe(0);
});

it('a waiting answer is dropped if its request ends', async () => {
  const budget = new ReplyBudget(limitBytes);
  const { handler, sockets } = await upstream((_, response) => void flood(response), budget);
  budget.count('oldest', limitBytes);
  budget.count('large', budget.totalBytes - limitBytes);
  const controller = new AbortController();
  const reply = send(handler, {}, { requestId: 'waiting', signal: controller.signal });
  const ended = new Error('ended');
  setTimeout(() => controller.abort(ended), 100);
  await expect(reply).rejects.toBe(ended);
  await expect.poll(() => sockets[0]?.destroyed).toBe(true);
});
