import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Relay } from './relay.ts';

/** The server behind the gateway, which hands each request to the server of the suite that it was sent to. */
export interface FanOut {
  /** For `UPSTREAM`. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts it on a free port of loopback. It works on bytes, so that all that a suite sees is the gateway's
 * doing.
 */
export async function startFanOut(): Promise<FanOut> {
  const relays = new Set<Relay>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const relay = new Relay(socket);
    relays.add(relay);
    socket.once('close', () => relays.delete(relay));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo; // of a TCP server that listens
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.close();
      for (const relay of relays) relay.close();
      await once(server, 'close');
    },
  };
}
