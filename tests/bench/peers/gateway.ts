/** The gateway of every peer without one of its own. It uses Fastify, as ringpost does. */
import { fastify } from 'fastify';
import { loadPeer } from './load-peer.ts';

const { peer, store } = await loadPeer();
const { ask } = await peer.gateway(store);
const app = fastify({ logger: false });
app.get<{ Params: { id: string } }>('/w/:id', async ({ params: { id } }, reply) => {
  reply.type('text/plain');
  return ask(id);
});
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) });
process.stdout.write('ready\n');
