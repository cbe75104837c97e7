/** What the lease thread begins with. Without data it ends at once, with all its modules loaded. */
import { parentPort, workerData } from 'node:worker_threads';
import { LeaseThread } from './lease-thread.ts';
import type { LeaseThreadData } from './messages.ts';

const data = workerData as LeaseThreadData | undefined; // only this folder starts the thread
if (parentPort !== null && data !== undefined) {
  // oxlint-disable-next-line no-new -- it lives by its timers
  new LeaseThread(data, parentPort);
}
