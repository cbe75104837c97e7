/**
 * The upstream of the bench of streams. All that it sends is a function of the position in the answer.
 * - `/w/<id>` answers with the id.
 * - `/first/<n>` sends a head and an event at once, and a second event 10 ms later.
 * - `/events/<n>` sends an event every 10 ms until its client leaves.
 * - `/idle/<n>` sends one event, and a second one after `/wake`, which answers how many there were.
 * - `/bulk/<bytes>` sends that many bytes, of a length that the head says.
 * - `/open` answers how many streams are open.
 */
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { bulk, eventBytes, events } from '../../fixtures/pattern.ts';

const eventEveryMs = 10;
const secondEventMs = 10;
const pieceBytes = 65_536;

const idle = new Set<ServerResponse>();
const open = new Set<ServerResponse>();

function answerText(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** Sends the head and the first event. */
function startEvents(response: ServerResponse): void {
  open.add(response);
  response.once('close', () => {
    open.delete(response);
    idle.delete(response);
  });
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(events.at(0, eventBytes));
}

function sendTwo(response: ServerResponse): void {
  startEvents(response);
  setTimeout(() => response.end(events.at(eventBytes, eventBytes)), secondEventMs);
}

function sendEvents(response: ServerResponse): void {
  startEvents(response);
  let position = eventBytes;
  let timer: NodeJS.Timeout | undefined;
  // The streams of many clients do not beat together.
  const first = setTimeout(() => {
    timer = setInterval(() => {
      response.write(events.at(position, eventBytes));
      position += eventBytes;
    }, eventEveryMs);
  }, Math.random() * eventEveryMs);
  response.once('close', () => {
    clearTimeout(first);
    clearInterval(timer);
  });
}

function sendBulk(response: ServerResponse, total: number): void {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': total });
  let position = 0;
  const send = (): void => {
    while (position < total) {
      const piece = bulk.at(position, Math.min(pieceBytes, total - position));
      position += piece.length;
      if (!response.write(piece) && position < total) return void response.once('drain', send);
    }
    response.end();
  };
  send();
}

function wake(): number {
  const woken = idle.size;
  for (const response of idle) response.end(events.at(eventBytes, eventBytes));
  return woken;
}

const server = createServer((request, response) => {
  const [, kind = '', value = ''] = (request.url ?? '').split('/');
  switch (kind) {
    case 'first':
      return sendTwo(response);
    case 'events':
      return sendEvents(response);
    case 'idle':
      startEvents(response);
      return void idle.add(response);
    case 'wake':
      return answerText(response, String(wake()));
    case 'open':
      return answerText(response, String(open.size));
    case 'bulk':
      return sendBulk(response, Number(value));
    default:
      return answerText(response, value);
  }
});
// Proxies keep their connections during the whole run.
server.keepAliveTimeout = 600_000;
server.on('connection', (socket) => socket.setNoDelay(true));
server.listen(Number(process.env['PORT']), '127.0.0.1', 4096, () => process.stdout.write('ready\n'));
