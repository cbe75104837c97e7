/** The replicas' work behind plain HTTP, for proxies: `node ledger-server.ts`, with PORT, REPLICA, LEDGER_DIRECTORY. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { loadModuleHandler } from '../../worker/handlers/module.ts';
import { ReplyBudget } from '../../worker/reply-budget.ts';

const replica = process.env['REPLICA'] ?? '';
const work = fileURLToPath(new URL('ledger-work.ts', import.meta.url));
const handler = await loadModuleHandler(work, replica, new ReplyBudget(1024 * 1024));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/-/live') {
    response.end();
    return;
  }
  const chunks: Buffer[] = await request.toArray();
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

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
// Longer than a proxy keeps an idle connection.
server.keepAliveTimeout = 120_000;
server.listen(Number(process.env['PORT']), '127.0.0.1', () => {
  process.stdout.write(`ledger server ready\n`);
});
