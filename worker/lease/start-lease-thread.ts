import { Worker } from 'node:worker_threads';
import { ownModule } from '#shared/process/own-module.ts';
import type { LeaseThreadData } from './messages.ts';

/** The thread holds a connection and a few leases. A small young generation saves the most memory. */
const resourceLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32 };

/**
 * Starts the lease thread.
 * @param processEnv the environment of this process. The thread shares its TLS settings and its cache of
 * compiled code, but not `NODE_OPTIONS`, which may load modules for the handler.
 * @param data left out for a thread that loads its modules and ends.
 */
export function startLeaseThread(processEnv: NodeJS.ProcessEnv, data?: LeaseThreadData): Worker {
  const { NODE_OPTIONS: _, ...env } = processEnv;
  return new Worker(ownModule('main.ts', import.meta.url), {
    workerData: data,
    env,
    execArgv: [],
    resourceLimits,
    name: 'lease',
  });
}
