/** A plain proxy: Fastify in front, and one undici pool per upstream, used in turn. */
import { fastify } from 'fastify';
import { Pool } from 'undici';
import { maxBodyBytes } from './limits.ts';

const pools = (process.env['BENCH_UPSTREAMS'] ?? '')
  .split(' ')
  .map((url) => new Pool(url, { connections: 128, pipelining: 1 }));
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'trailer']);
let turn = 0;

const app = fastify({ logger: false, bodyLimit: maxBodyBytes });
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
app.all<{ Body: Buffer | undefined }>('/*', async (request, reply) => {
  turn = (turn + 1) % pools.length;
  const pool = pools[turn];
  if (pool === undefined) throw new Error('there is no upstream');
  const { connection: _, ...headers } = request.headers;
  const answer = await pool.request({
    method: request.method,
    path: request.url,
    headers,
    body: request.body ?? null,
  });
  reply.status(answer.statusCode);
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined && !hopByHop.has(name)) reply.header(name, value);
  }
  return reply.send(Buffer.from(await answer.body.arrayBuffer()));
});
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) });
process.stdout.write('ready\n');
