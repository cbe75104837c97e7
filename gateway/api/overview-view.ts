import type { OverviewView, TotalsView } from '#shared/contract/api/overview.ts';
import type { ApiReplicasView, ReplicaNumbersView } from '#shared/contract/api/replicas.ts';
import type { GatewayView } from '#shared/contract/api/system.ts';
import { ownVersion } from '#shared/process/own-version.ts';
import { replicasView } from './replica-views.ts';
import type { Snapshot } from './snapshots.ts';
import { troublesOf } from './troubles.ts';
import type { WatchedReplica } from './troubles.ts';

/** What an overview says besides what is read from Redis. */
export interface OwnPart {
  /** The name of this gateway. */
  readonly gateway: string;
  readonly namespace: string;
  readonly startTimeoutMs: number;
  /** Why this gateway takes no requests; undefined if it does. */
  readonly refusal: string | undefined;
}

/** @param onlyViews leaves out what may contain what a handler wrote, and ids of requests. */
export function overviewView(snapshot: Snapshot, own: OwnPart, onlyViews: boolean): OverviewView {
  const { at, picture, ring, rates } = snapshot;
  const shown = replicasView(snapshot, onlyViews);
  const { callbackStates: states } = snapshot;
  const undelivered = (states.failed ?? 0) + (states.gone ?? 0) + (states.blocked ?? 0);
  return {
    at,
    version: ownVersion,
    namespace: own.namespace,
    gateway: own.gateway,
    ring: {
      version: picture.state.version,
      strategy: ring.parameters.strategy,
      leader: picture.leader,
      trouble: picture.trouble,
    },
    totals: totalsView(snapshot, shown),
    troubles: troublesOf(
      {
        now: at,
        leader: picture.leader,
        driverTrouble: picture.trouble,
        autoscale: picture.autoscale,
        joining: picture.joining,
        // The reasons decide what the trouble is, also if they are not shown.
        ...watchedReplicas(onlyViews ? replicasView(snapshot, false) : shown),
        deadLetters: snapshot.leftOver.deadLetters,
        callbacks: { retrying: states.retrying ?? 0, undelivered },
        gateways: snapshot.reports,
        clockAheadMs: snapshot.clockAheadMs,
        refusal: own.refusal,
        redis: snapshot.redis,
        startTimeoutMs: own.startTimeoutMs,
      },
      onlyViews,
    ),
    sample: rates?.sample ?? null,
    autoscale: picture.autoscale.configured ? picture.autoscale : null,
    ...shown,
  };
}

function totalsView({ leftOver, reports }: Snapshot, { replicas, retired }: ApiReplicasView): TotalsView {
  const depths = [...replicas, ...retired].map((replica) => replica.depths);
  const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);
  return {
    waiting: sum(depths.map(({ waiting, prioritized }) => waiting + prioritized)),
    active: sum(depths.map(({ active }) => active)),
    streams: sum(depths.map(({ streams }) => streams)),
    delayed: sum(depths.map(({ delayed }) => delayed)),
    inFlight: sum(reports.map(({ inFlight }) => inFlight)),
    heldBytes: sum(reports.map(({ heldBytes }) => heldBytes)),
    deadLetters: leftOver.deadLetters,
    callbacks: leftOver.callbacks,
    gateways: reports.filter(({ role }) => role !== 'controller').length,
  };
}

function watchedReplicas({ replicas, retired }: ApiReplicasView) {
  const watched = (replica: { readonly name: string } & ReplicaNumbersView): WatchedReplica => ({
    name: replica.name,
    oldestMs: replica.oldestMs,
    depths: replica.depths,
    hold: replica.hold,
    eventLoopLagMs: replica.worker?.eventLoopLagMs ?? null,
    version: replica.worker?.version ?? null,
  });
  return {
    replicas: replicas.map((replica) => ({ ...replica, ...watched(replica) })),
    retired: retired.map((replica) => ({ ...replica, ...watched(replica) })),
  };
}

/** @returns the processes with a gateway or a controller, by name. */
export function gatewayViews({
  reports,
  rates,
  picture,
}: Pick<Snapshot, 'reports' | 'rates' | 'picture'>): GatewayView[] {
  const leader = picture.leader?.replace(/#\d+$/, '');
  return reports.map((report) => ({
    name: report.name,
    role: report.role,
    leads: report.name === leader,
    address: report.address,
    host: report.host,
    pid: report.pid,
    version: report.version,
    since: report.since,
    at: report.at,
    rssBytes: report.rssBytes,
    heapBytes: report.heapBytes,
    eventLoopLagMs: report.eventLoopLagMs,
    inFlight: report.inFlight,
    heldBytes: report.heldBytes,
    requestsPerS: Math.round((rates?.gateways.get(report.name) ?? 0) * 100) / 100,
  }));
}
