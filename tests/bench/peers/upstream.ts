/** A plain HTTP server that does the work behind a proxy. */
import { createServer } from 'node:http';
import { idOf, work } from '../workload/work.ts';

const server = createServer((request, response) => {
  const send = (text: string): void => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text) });
    response.end(text);
  };
  const answer = work(idOf(request.url ?? ''));
  if (typeof answer === 'string') send(answer);
  else void answer.then(send);
});
// Proxies keep their connections during the whole run.
server.keepAliveTimeout = 600_000;
server.listen(Number(process.env['PORT']), '127.0.0.1', () => process.stdout.write('ready\n'));
