import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** Clients with requests that take long. */
export interface LeavingClients {
  readonly count: number;
  /** How many have received anything. */
  readonly answered: () => number;
  /** Closes all connections at once. */
  leave(): void;
}

export interface Ask {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** How many requests each client pipelines on its connection. */
  readonly pipelined?: number;
  /** Whether the clients read their answers; true by default. */
  readonly reads?: boolean;
}

/**
 * Opens connections, spread over the targets, and sends a request on each of them.
 * @returns once all requests are sent.
 */
export async function openClients(
  targets: readonly string[],
  count: number,
  askOf: (at: number) => Ask,
): Promise<LeavingClients> {
  const answered = new Set<Socket>();
  const sockets = Array.from({ length: count }, (_, at) => {
    const { host, hostname, port } = new URL(targets[at % targets.length] ?? '');
    const { path, method = 'GET', headers = {}, pipelined = 1, reads = true } = askOf(at);
    const fields = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => socket.destroy());
    // A socket without a listener for its data reads nothing.
    if (reads) socket.on('data', () => void answered.add(socket));
    socket.write(`${method} ${path} HTTP/1.1\r\n${fields.join('')}\r\n`.repeat(pipelined), 'latin1');
    return socket;
  });
  await Promise.all(
    sockets
      .filter(({ connecting }) => connecting)
      .map((socket) => once(socket, 'connect').catch(() => undefined)),
  );
  return {
    count,
    answered: () => answered.size,
    leave: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
