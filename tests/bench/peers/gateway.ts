/** The gateway of every peer without one of its own. It uses Fastify, as ringpost does. */
import { fastify } from 'fastify';
import { loadPeer } from './load-peer.ts';
import { maxBodyBytes } from './limits.ts';

const { peer, store } = await loadPeer();
const { ask } = await peer.gateway(store);
let requests = 0;

const app = fastify({ logger: false, bodyLimit: maxBodyBytes });
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: peer.bodies }, (_, body, done) => done(null, body));
app.all<{ Body: string | Buffer | undefined }>('/*', async ({ method, url, headers, body = '' }, reply) => {
  const { connection: _, 'keep-alive': __, ...rest } = headers;
  requests += 1;
  const answer = await ask(`${process.pid}-${requests}`, { method, target: url, headers: rest, body });
  reply.status(answer.status).headers(answer.headers);
  return answer.body;
});
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) });
process.stdout.write('ready\n');
