import { join } from 'node:path';
import { startProgram } from '../../chaos/program.ts';
import type { Site } from './system.ts';

/**
 * Starts the workers of a peer.
 * @param file the program of each worker; it prints `ready`
 * @param env returns the environment of the nth worker, from 0
 * @returns once all are ready, a function that ends them.
 */
export async function startWorkers(
  { folder, executions, workers }: Site,
  file: string,
  env: (at: number) => NodeJS.ProcessEnv,
): Promise<() => Promise<void>> {
  const closing = new AsyncDisposableStack();
  const starts = Array.from({ length: workers }, async (_, at) => {
    const name = `worker-${at + 1}`;
    const worker = await startProgram({
      command: process.execPath,
      args: [file],
      env: { BENCH_EXECUTIONS: executions.path, BENCH_WORKER: name, ...env(at) },
      cwd: folder,
      logFile: join(folder, `${name}.log`),
      ready: /^ready/,
    });
    closing.defer(() => worker.end());
  });
  const failed = (await Promise.allSettled(starts)).find((start) => start.status === 'rejected');
  if (failed !== undefined) {
    await closing.disposeAsync();
    throw failed.reason;
  }
  return () => closing.disposeAsync();
}
