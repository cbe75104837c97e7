import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import fp from 'fastify-plugin';

/**
 * Once the app closes, each answer is the last on its connection (`Connection: close`), and connections that never
 * brought a byte are closed. Node by itself closes only those that are idle at that moment: a client that keeps its
 * connection, or opened one ahead of need, would hold the server open until it goes away.
 */
export const lastAnswers = fp(
  (app, _, done) => {
    const sockets = new Set<Socket>();
    const unanswered = new Set<ServerResponse>();
    let closing = false;
    app.server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    app.server.prependListener('request', (_request, response: ServerResponse) => {
      if (closing) response.shouldKeepAlive = false;
      unanswered.add(response);
      response.once('close', () => unanswered.delete(response));
    });
    app.addHook('preClose', (next) => {
      closing = true;
      for (const response of unanswered) response.shouldKeepAlive = false;
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
      next();
    });
    done();
  },
  { name: 'last-answers' },
);
