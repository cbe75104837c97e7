/** A plain HTTP server that does the work behind a proxy. */
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { idOf, work } from '../workload/work.ts';

const server = createServer((request, response) => {
  const send = (type: string, body: string | Buffer): void => {
    response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
    response.end(body);
  };
  const answer = work(idOf(request.url ?? ''));
  if (request.method === 'POST') {
    const both = Promise.all([bodyOf(request), answer]);
    // A client that goes away gets no answer.
    void both.then(([body]) => send('application/json', body)).catch(() => response.destroy());
  } else if (typeof answer === 'string') send('text/plain', answer);
  else void answer.then((id) => send('text/plain', id));
});

/** Listens for events, which costs less than to iterate. */
function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => resolve(Buffer.concat(chunks)));
  request.on('error', reject);
  return promise;
}

// Proxies keep their connections during the whole run.
server.keepAliveTimeout = 600_000;
server.listen(Number(process.env['PORT']), '127.0.0.1', () => process.stdout.write('ready\n'));
