import type { Cluster } from './cluster.ts';

/** @returns the pid and generation of the replica's running worker. @throws Error where it has none. */
export async function workerOf(
  cluster: Cluster,
  replica: string,
): Promise<{ readonly pid: number; readonly generation: number }> {
  const lease = await cluster.lease(replica);
  if (lease === undefined) throw new Error(`${replica} has no worker`);
  return lease;
}

/** kill -9 of a replica's worker; resolves when its replacement is ready. */
export async function killAndReplace(cluster: Cluster, replica: string): Promise<void> {
  const { pid, generation } = await workerOf(cluster, replica);
  process.kill(pid, 'SIGKILL');
  await cluster.untilReplaced(replica, generation);
}

/** Sends a signal to a process that may have ended meanwhile. */
export function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it is gone
  }
}
