import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { LeaseThreadData } from './messages.ts';

/** The thread holds a connection and a few leases. A small young generation is most of what can be spared. */
const resourceLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32 };

/**
 * Starts the lease thread.
 * @param data without it the thread loads its modules and ends.
 */
export function startLeaseThread(data?: LeaseThreadData): Worker {
  const cache = getCompileCacheDir();
  // What the user has Node load beside the handler is for the main thread.
  const env = cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) };
  return new Worker(new URL('main.ts', import.meta.url), {
    workerData: data,
    env,
    execArgv: [],
    resourceLimits,
    name: 'lease',
  });
}
