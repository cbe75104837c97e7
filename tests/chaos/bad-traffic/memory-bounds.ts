import type { Cluster } from '../cluster.ts';
import { peakMb } from '../memory.ts';

/** The most RAM that processes of a cluster may take, in MiB. `docs/limits.md` states the worker's bound. */
export const memoryBounds = {
  /** An idle worker, plus what answers may add with the default settings. */
  workerMb: 160 + 180,
  /** An idle gateway, plus `BYTES_IN_FLIGHT`. */
  gatewayMb: 300 + 256,
} as const;

/** @returns the pids of the workers that hold a lease. */
export async function workerPids(cluster: Cluster): Promise<number[]> {
  const leases = await Promise.all((await cluster.desired()).map((name) => cluster.lease(name)));
  return leases.flatMap((lease) => (lease === undefined ? [] : [lease.pid]));
}

/** @returns the peak memory of a gateway and of a worker, and sentences on exceeded bounds. */
export async function judgeMemory(
  cluster: Cluster,
): Promise<{ readonly note: string; readonly unmet: readonly string[] }> {
  const gateway = await peakMb(cluster.gateways.map(({ program }) => program.pid));
  const worker = await peakMb(await workerPids(cluster));
  const unmet: string[] = [];
  if (gateway > memoryBounds.gatewayMb)
    unmet.push(`a gateway had ${gateway} MiB; the bound is ${memoryBounds.gatewayMb}`);
  if (worker > memoryBounds.workerMb)
    unmet.push(`a worker had ${worker} MiB; the bound is ${memoryBounds.workerMb}`);
  return { note: `at most ${gateway} MiB in a gateway and ${worker} in a worker`, unmet };
}
