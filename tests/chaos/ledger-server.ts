/**
 * Serves the replicas' work over plain HTTP, for proxies and as an UPSTREAM: `node ledger-server.ts`, with
 * PORT, REPLICA and LEDGER_DIRECTORY.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import work from './ledger-work.ts';

const replica = process.env['REPLICA'] ?? '';

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url = '/', method = 'GET' } = request;
  if (url === '/-/live') {
    response.end();
    return;
  }
  // The work depends only on the method and the target.
  await request.toArray();
  const { status, headers, body } = await work(new Request(`http://127.0.0.1${url}`, { method }), {
    replica,
    attempt: 1,
  });
  response.writeHead(status, [...headers].flat());
  if (body === null) response.end();
  // Sent only as fast as it is read, since the answers of bad work may have any size.
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
