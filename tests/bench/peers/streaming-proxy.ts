/** A plain proxy that passes bytes on as they come: Fastify in front, an undici pool to the upstream. */
import { fastify } from 'fastify';
import { Pool } from 'undici';

// An idle stream is not a broken one. Each open stream holds a connection, so their number has no limit.
const pool = new Pool(process.env['BENCH_UPSTREAM'] ?? '', { pipelining: 1, bodyTimeout: 0 });
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'trailer']);

const app = fastify({ logger: false });
app.get('/*', async (request, reply) => {
  const { connection: _, ...headers } = request.headers;
  const answer = await pool.request({ method: 'GET', path: request.url, headers });
  reply.status(answer.statusCode);
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined && !hopByHop.has(name)) reply.header(name, value);
  }
  return reply.send(answer.body);
});
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']), backlog: 4096 });
process.stdout.write('ready\n');
