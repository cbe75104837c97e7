import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { EventStreams } from '../../gateway/api/event-streams.ts';
import { Connections } from '../../gateway/http/connections.ts';
import { HeldBytes } from '../../gateway/request/held-bytes.ts';
import { UnsentAnswers } from '../../gateway/routes/unsent-answers.ts';

const slow = { timeout: 30_000, interval: 20 };

it('skips events for a client that reads nothing, and disconnects it in the end', async () => {
  const connections = new Connections();
  const log = createLogger('test', 'silent');
  const unsent = new UnsentAnswers({ held: new HeldBytes(1), sendTimeoutMs: 500, log });
  const streams = new EventStreams({ connections, unsent });
  const app = Fastify();
  connections.attach(app.server);
  const sockets: { readonly writableLength: number }[] = [];
  app.get('/', (request, reply) => {
    sockets.push(request.raw.socket);
    streams.open(reply, new Set(['live']), false);
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(async () => {
    streams.stop();
    await app.close();
  });
  const { port } = app.server.address() as AddressInfo; // it listens on a port
  const client = connect(port, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  client.on('error', () => undefined).pause();
  client.write(`GET / HTTP/1.1\r\nHost: a\r\n\r\n`);
  await expect.poll(() => streams.size, slow).toBe(1);

  const text = `data: ${'x'.repeat(64 * 1024)}\n\n`;
  for (let sent = 0; sent < 2000; sent += 1) {
    streams.send('live', () => text);
    // In between, the operating system takes what its buffers hold.
    await new Promise((resolve) => setImmediate(resolve));
  }
  // Of 128 MB, what is left is what one event and the buffers of the socket hold.
  expect(sockets[0]?.writableLength).toBeLessThan(1024 * 1024);
  await expect.poll(() => streams.size, slow).toBe(0);
});
