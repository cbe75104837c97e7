import { EventEmitter } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import { LeaseThread } from '../../../worker/lease/lease-thread.ts';
import type { LeaseThreadData } from '../../../worker/lease/messages.ts';

/** One end of the messages between a worker and its lease thread. */
class Port extends EventEmitter {
  other: Port | undefined;
  onClose: () => void = () => undefined;

  postMessage(message: unknown): void {
    // Messages between threads arrive later, in their order.
    process.nextTick(() => this.other?.emit('message', message));
  }

  close(): void {
    process.nextTick(() => this.onClose());
  }
}

/** Runs a worker's lease thread in the thread of the harness. It looks like a `Worker` of Node's. */
export function createLeaseThread(data: unknown): object {
  const [main, thread] = [new Port(), new Port()];
  main.other = thread;
  thread.other = main;
  thread.onClose = () => main.emit('exit', 0);
  process.nextTick(() => {
    // The harness gives what only `LeaseKeeper` makes, and a port of which these methods are used.
    // oxlint-disable-next-line no-new -- it lives by its timers
    new LeaseThread(data as LeaseThreadData, thread as unknown as MessagePort);
  });
  return main;
}
