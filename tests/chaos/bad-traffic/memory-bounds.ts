import type { Cluster } from '../cluster.ts';
import { peakMb } from '../memory.ts';

/**
 * What the processes of a cluster may have in RAM at most, in MiB; `docs/limits.md` states that of a worker.
 */
export const memoryBounds = {
  /** Idle, and what answers may add with the default settings. */
  workerMb: 160 + 180,
  /** The gateway itself, and `BYTES_IN_FLIGHT`. */
  gatewayMb: 300 + 256,
} as const;

/** @returns the pids of the workers that hold a lease. */
export async function workerPids(cluster: Cluster): Promise<number[]> {
  const leases = await Promise.all((await cluster.desired()).map((name) => cluster.lease(name)));
  return leases.flatMap((lease) => (lease === undefined ? [] : [lease.pid]));
}

/** @returns the most memory that one gateway and one worker have had, and what of it is past its bound. */
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
