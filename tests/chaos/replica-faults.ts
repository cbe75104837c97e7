import type { Cluster } from './cluster.ts';

/** @returns the pid and generation of the replica's worker. @throws Error if it has none. */
export async function workerOf(
  cluster: Cluster,
  replica: string,
): Promise<{ readonly pid: number; readonly generation: number }> {
  const lease = await cluster.lease(replica);
  if (lease === undefined) throw new Error(`${replica} has no worker`);
  return lease;
}

/** Sends SIGKILL to a replica's worker; resolves when the next worker is ready. */
export async function killAndReplace(cluster: Cluster, replica: string): Promise<void> {
  const { pid, generation } = await workerOf(cluster, replica);
  process.kill(pid, 'SIGKILL');
  await cluster.untilReplaced(replica, generation);
}

/** Sends a signal to a process, if it still exists. */
export function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The process has ended.
  }
}
