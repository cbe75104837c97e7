import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** Something that peers talk to, with a place of its own, which ends with the bench. */
export interface RunningServer {
  readonly url: string;
  readonly pid: number;
  /** Resolves when it has ended. */
  stop(): Promise<void>;
}

/** @throws Error where nothing listens on that port of loopback within `patienceMs`. */
export async function untilListening(port: number, patienceMs = 30_000): Promise<void> {
  for (let waited = 0; ; waited += 20) {
    const socket = connect(port, '127.0.0.1');
    const listens = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (listens) return;
    if (waited > patienceMs) throw new Error(`nothing listens on port ${port}`);
    await delay(20);
  }
}
