/**
 * One of the servers of the bench. It runs a few requests at once; the others wait in their order, as they do
 * behind any server with so many processes. `/w/<id>?ms=<ms>` waits and answers with the server's number.
 * `/slowdown/<factor>` makes all later requests take that many times as long.
 */
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { slots } from './plan.ts';

interface Waiting {
  readonly ms: number;
  readonly response: ServerResponse;
}

const own = process.env['SERVER'] ?? '';
const queue: Waiting[] = [];
let running = 0;
let slowdown = 1;

function answer(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': text.length });
  response.end(text);
}

function startNext(): void {
  const next = running < slots ? queue.shift() : undefined;
  if (next === undefined) return;
  running += 1;
  const end = (): void => {
    running -= 1;
    answer(next.response, own);
    startNext();
  };
  if (next.ms === 0) end();
  else setTimeout(end, next.ms * slowdown);
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
  const [, kind, value] = pathname.split('/');
  if (kind === 'slowdown') {
    slowdown = Number(value);
    answer(response, own);
    return;
  }
  queue.push({ ms: Number(searchParams.get('ms') ?? 0), response });
  startNext();
});
// Proxies keep their connections during the whole run.
server.keepAliveTimeout = 600_000;
server.on('connection', (socket) => socket.setNoDelay(true));
server.listen(Number(process.env['PORT']), '127.0.0.1', 4096, () => process.stdout.write('ready\n'));
