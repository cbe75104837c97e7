/** The entry point of the lease thread. Without data it loads all its modules and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { LeaseThread } from './lease-thread.ts';
import type { LeaseThreadData } from './messages.ts';

const data = workerData as LeaseThreadData | undefined; // only this folder starts the thread
if (parentPort !== null && data !== undefined) {
  // oxlint-disable-next-line no-new -- it lives by its timers
  new LeaseThread(data, parentPort);
}
