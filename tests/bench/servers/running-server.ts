import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** A server that peers use. It has its own data and ends with the bench. */
export interface RunningServer {
  readonly url: string;
  readonly pid: number;
  /** Resolves when the server has ended. */
  stop(): Promise<void>;
}

/** @throws Error if nothing listens on the loopback port within `maxWaitMs`. */
export async function untilListening(port: number, maxWaitMs = 30_000): Promise<void> {
  for (let waited = 0; ; waited += 20) {
    const socket = connect(port, '127.0.0.1');
    const listens = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (listens) return;
    if (waited > maxWaitMs) throw new Error(`nothing listens on port ${port}`);
    await delay(20);
  }
}
