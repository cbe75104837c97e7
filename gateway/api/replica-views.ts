import type {
  ApiReplicasView,
  DepthsView,
  ReplicaNumbersView,
  WorkerNumbersView,
} from '#shared/contract/api/replicas.ts';
import type { Lease } from '#shared/contract/lease.ts';
import { sharesOf } from '#shared/ring/shares.ts';
import { loadOf } from './snapshots.ts';
import type { Snapshot } from './snapshots.ts';

const noDepths: DepthsView = { waiting: 0, active: 0, streams: 0, delayed: 0, prioritized: 0 };

/**
 * @param onlyViews leaves out what may contain what a handler wrote, and ids of requests.
 * @returns the replicas with their numbers.
 */
export function replicasView(snapshot: Snapshot, onlyViews: boolean): ApiReplicasView {
  const { picture, ring } = snapshot;
  const shares = sharesOf(ring);
  const numbers = (name: string): Omit<ReplicaNumbersView, 'hold'> =>
    numbersOf(snapshot, name, shares.get(name) ?? 0);
  return {
    replicas: picture
      .replicas(onlyViews)
      .map((replica) => ({ ...replica, ...numbers(replica.name), hold: replica.hold ?? null })),
    retired: picture
      .retired(onlyViews)
      .map((replica) => ({ ...replica, ...numbers(replica.name), hold: null })),
  };
}

function numbersOf(snapshot: Snapshot, name: string, share: number): Omit<ReplicaNumbersView, 'hold'> {
  const { at, depths, caps, rates, picture } = snapshot;
  const found = depths.get(name);
  const { waiting, active, streams, delayed, prioritized } = found ?? noDepths;
  const rate = rates?.replicas.get(name);
  return {
    share,
    depths: { waiting, active, streams, delayed, prioritized },
    load: loadOf(found),
    cap: caps.get(name) ?? null,
    oldestMs: found?.oldestAt === undefined ? null : Math.max(0, Math.round(at - found.oldestAt)),
    requestsPerS: rate?.requestsPerS ?? 0,
    failuresPerS: rate?.failuresPerS ?? 0,
    spilledInPerS: rate?.spilledInPerS ?? 0,
    spilledOutPerS: rate?.spilledOutPerS ?? 0,
    waitMs: rate?.waitMs ?? null,
    serviceMs: rate?.serviceMs ?? null,
    leaseMs: found?.leaseMs ?? null,
    worker: workerView(picture.leases.get(name)),
  };
}

/** The lease of an adopter tells of the worker of another replica. */
function workerView(lease: Lease | undefined): WorkerNumbersView | null {
  if (lease?.numbers === undefined || lease.adopter !== undefined) return null;
  const { pid, host, started: since, numbers } = lease;
  const { version, rssBytes, heapBytes, eventLoopLagMs } = numbers;
  return { version, pid, host, since, rssBytes, heapBytes, eventLoopLagMs };
}
