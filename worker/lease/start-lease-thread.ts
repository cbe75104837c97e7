import { Worker } from 'node:worker_threads';
import type { LeaseThreadData } from './messages.ts';

/** The thread holds a connection and a few leases. A small young generation is most of what can be spared. */
const resourceLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32 };

/**
 * Starts the lease thread.
 * @param processEnv of this process: its TLS settings and its cache of compiled code are the thread's as well. What Node is
 * told to load beside the handler is for the main thread alone.
 * @param data without it the thread loads its modules and ends.
 */
export function startLeaseThread(processEnv: NodeJS.ProcessEnv, data?: LeaseThreadData): Worker {
  const { NODE_OPTIONS: _, ...env } = processEnv;
  return new Worker(new URL('main.ts', import.meta.url), {
    workerData: data,
    env,
    execArgv: [],
    resourceLimits,
    name: 'lease',
  });
}
