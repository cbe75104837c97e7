/** What the lease thread begins with. */
import { parentPort, workerData } from 'node:worker_threads';
import { LeaseThread } from './lease-thread.ts';
import type { LeaseThreadData } from './messages.ts';

if (parentPort === null) throw new Error('this is the lease thread of a worker, and no program of its own');
// oxlint-disable-next-line no-new -- it lives by its timers
new LeaseThread(workerData as LeaseThreadData, parentPort); // only the lease keeper starts it
