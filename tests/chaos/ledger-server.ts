/**
 * The replicas' work behind plain HTTP, for proxies and as an UPSTREAM: `node ledger-server.ts`, with PORT, REPLICA,
 * LEDGER_DIRECTORY.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { loadModuleHandler } from '../../worker/handlers/module.ts';
import work from './ledger-work.ts';

const replica = process.env['REPLICA'] ?? '';
const handler = await loadModuleHandler(fileURLToPath(new URL('ledger-work.ts', import.meta.url)), replica);

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/-/live') {
    response.end();
    return;
  }
  const chunks: Buffer[] = await request.toArray();
  if (request.url?.includes('bad=') === true) {
    await stream(request, response);
    return;
  }
  const reply = await handler.handle(
    {
      method: request.method ?? 'GET',
      target: request.url ?? '/',
      headers: request.rawHeaders,
      body: Buffer.concat(chunks),
    },
    {
      replica,
      requestId: '',
      attempt: 1,
      deadline: Number.POSITIVE_INFINITY,
      signal: new AbortController().signal,
    },
  );
  response.writeHead(reply.status, [...reply.headers]);
  response.end(reply.body);
}

/** Sends an answer part by part, as fast as it is taken; a handler's is read to its end before. */
async function stream({ url, method }: IncomingMessage, response: ServerResponse): Promise<void> {
  const init = method === undefined ? {} : { method };
  const { status, headers, body } = await work(new Request(`http://127.0.0.1${url}`, init), {
    replica,
    attempt: 1,
  });
  response.writeHead(status, [...headers].flat());
  if (body === null) response.end();
  else await pipeline(Readable.fromWeb(body), response);
}

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
// Longer than a proxy keeps an idle connection.
server.keepAliveTimeout = 120_000;
server.listen(Number(process.env['PORT']), '127.0.0.1', () => {
  process.stdout.write(`ledger server ready\n`);
});
