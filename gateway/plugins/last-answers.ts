import type { ServerResponse } from 'node:http';
import { Server } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate as immediate, setTimeout as delay } from 'node:timers/promises';
import fp from 'fastify-plugin';

/**
 * Connections without a request are closed this long after the app began to close, in ms: long enough for what a busy
 * client had sent already, or sends before it hears that this answer is the last.
 */
const lingerMs = 300;

/** Resolves when the event loop has taken in all connections and bytes that had arrived before. */
async function allHeard(): Promise<void> {
  // The first one may be before the loop has looked at the sockets, the second one is after it.
  await immediate();
  await immediate();
}

/**
 * Once the app closes, no connection is accepted, the last answer of each connection says so (`Connection: close`), and
 * connections without a request, be they idle or unused, are closed a moment later.
 *
 * Node's own `close` cuts idle connections at once, and with them requests that are on their way; and it lets those that
 * never brought a byte hold the server open.
 */
export const lastAnswers = fp(
  (app, _, done) => {
    /** The last answer of each connection, whether it is sent or not. Those before it are sent before it. */
    const connections = new Map<Socket, ServerResponse | undefined>();
    let closing = false;
    app.server.on('connection', (socket: Socket) => {
      connections.set(socket, undefined);
      socket.once('close', () => connections.delete(socket));
    });
    app.server.prependListener('request', ({ socket }, response: ServerResponse) => {
      if (closing) response.shouldKeepAlive = false;
      if (connections.has(socket)) connections.set(socket, response);
    });
    app.addHook('preClose', async () => {
      closing = true;
      for (const response of connections.values()) if (response) response.shouldKeepAlive = false;
      await allHeard();
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      // Stops listening, as the one of `node:http` does, and leaves the connections alone; done when all have ended.
      Server.prototype.close.call(app.server, () => resolve());
      await Promise.race([ended, delay(lingerMs)]);
      await allHeard();
      app.server.closeIdleConnections();
      for (const socket of connections.keys()) if (socket.bytesRead === 0) socket.destroy();
      await ended;
    });
    done();
  },
  { name: 'last-answers' },
);
