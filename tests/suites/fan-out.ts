import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Relay } from './relay.ts';

/**
 * The server behind the gateway. It forwards each request to the suite's server that the client addressed.
 */
export interface FanOut {
  /** The value for `UPSTREAM`. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts the server on a free port of loopback. It forwards bytes unchanged, so that every difference that a
 * suite sees comes from the gateway.
 */
export async function startFanOut(): Promise<FanOut> {
  const relays = new Set<Relay>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const relay = new Relay(socket);
    relays.add(relay);
    socket.once('close', () => relays.delete(relay));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo; // a listening TCP server has one
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.close();
      for (const relay of relays) relay.close();
      await once(server, 'close');
    },
  };
}
