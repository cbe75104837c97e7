import fp from 'fastify-plugin';
import type { ReplicaHold } from '#shared/contract/replica-hold.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Logger } from '#shared/process/logger.ts';
import { shownKey } from '#shared/ring/key-text.ts';
import type { Explanation, Ring, RingParameters } from '#shared/ring/ring.ts';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import type { CrashNote } from '#shared/store/lease/crash-notes.ts';
import { readHolds } from '#shared/store/ring/holds.ts';
import { HeirStore } from '#shared/store/ring/heir-store.ts';
import { LeaseReader } from '#shared/store/lease/lease-reader.ts';
import { LeaderLease } from '#shared/store/ring/leader-lease.ts';
import { PublishedStatus } from '#shared/store/ring/published-status.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RingState, RingStore } from '#shared/store/ring/ring-store.ts';
import type { AdminAccess } from './admin-access.ts';
import { operations } from '../openapi/operations.ts';
import { queryValues } from '../request/query.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';

export interface RingRouteOptions {
  readonly connection: Connection;
  readonly store: RingStore;
  readonly watcher: RingWatcher;
  readonly access: AdminAccess;
  readonly parameters: RingParameters;
  readonly log: Logger;
}

/**
 * `/-/ring`: the ring, each replica's state as the controller sees it, and, for `?key=`, why a key is where
 * it is.
 */
export const ringRoutes = fp<RingRouteOptions>(
  (app, { connection, store, watcher, access, parameters, log }, done) => {
    const status = new PublishedStatus(connection, log);
    const leadership = new LeaderLease(connection, log);
    const heirs = new HeirStore(connection, store, log);
    const leases = new LeaseReader(connection);
    const crashNotes = new CrashNotes(connection);
    app.get('/-/ring', { schema: operations.showRing }, async (request) => {
      const [state, published, leader] = await Promise.all([
        store.read(),
        status.read(),
        leadership.holder(),
      ]);
      const names = namesIn(state);
      const [heirOf, holds, held, crashes] = await Promise.all([
        heirs.read(),
        readHolds(connection, state),
        readEach(names, (name) => leases.read(name)),
        readEach(names, (name) => crashNotes.read(name)),
      ]);
      const details: Details = {
        upstreamOf: (name) => shownUpstreamOf(state, name),
        statusOf: (name) => shownStatus(published.of(name), access.onlyViews(request)),
        holdOf: (name) => holds.get(name) ?? null,
        skewOf: (name) => held.get(name)?.clockAheadMs ?? null,
        crashOf: (name) => shownCrash(crashes.get(name), access.onlyViews(request)),
      };
      const [key] = queryValues(request.originalUrl, 'key', 1);
      return {
        version: state.version,
        parameters,
        leader: leader ?? null,
        trouble: published.trouble ?? null,
        clockAheadMs: clockOf(connection).aheadMs,
        replicas: desiredReplicas(state, details),
        retired: retiredReplicas(state, heirOf, details),
        ...(key === undefined ? {} : { key: explained(watcher.ring, key) }),
      };
    });
    done();
  },
  { name: 'ring-routes' },
);

/** What is known of the replicas besides the ring itself. */
interface Details {
  readonly statusOf: (name: string) => object;
  /** What shows the server of UPSTREAMS that a replica uses; empty without UPSTREAMS. */
  readonly upstreamOf: (name: string) => { readonly upstream?: string | null };
  readonly holdOf: (name: string) => ReplicaHold | null;
  readonly skewOf: (name: string) => number | null;
  readonly crashOf: (name: string) => CrashNote | null;
}

/** @returns the replicas that are shown, and those that they replaced. */
function namesIn({ desired, retired }: RingState): string[] {
  const names = desired.flatMap(({ name, replaces }) => (replaces === undefined ? [name] : [name, replaces]));
  return [...names, ...retired.keys()];
}

function desiredReplicas(
  { desired, ring }: RingState,
  { statusOf, upstreamOf, holdOf, skewOf, crashOf }: Details,
): object[] {
  return desired.map(({ name, joined, weight, replaces }) => ({
    name,
    joined,
    weight,
    ...(replaces === undefined ? {} : { replaces }),
    inRing: ring.has(name),
    hold: holdOf(name),
    ...upstreamOf(name),
    ...statusOf(name),
    clockAheadMs: skewOf(name),
    // Until it has a crash of its own, that of the replica that it replaced.
    crash: crashOf(name) ?? crashOf(replaces ?? name),
  }));
}

function retiredReplicas(
  { retired }: RingState,
  heirs: ReadonlyMap<string, string>,
  { statusOf, upstreamOf, skewOf, crashOf }: Details,
): object[] {
  return [...retired.keys()].map((name) => ({
    name,
    ...(heirs.has(name) ? { heir: heirs.get(name) } : {}),
    ...upstreamOf(name),
    ...statusOf(name),
    clockAheadMs: skewOf(name),
    crash: crashOf(name),
  }));
}

function shownUpstreamOf({ upstreams, positions }: RingState, name: string): { upstream?: string | null } {
  if (upstreams.length === 0) return {};
  return { upstream: upstreams[positions.get(name) ?? Infinity] ?? null };
}

/** The reason may contain what the handler wrote. */
function shownStatus(status: ReplicaStatus | undefined, onlyViews: boolean): object {
  const { reason, ...others } = status ?? { state: 'desired' as const, reason: undefined };
  return onlyViews || reason === undefined ? others : { ...others, reason };
}

/** The reason and stderr may contain what the handler wrote, and a request's id opens its answer. */
function shownCrash(crash: CrashNote | undefined, onlyViews: boolean): CrashNote | null {
  if (crash === undefined || !onlyViews) return crash ?? null;
  const { generation, at } = crash;
  return at === undefined ? { generation } : { generation, at };
}

/** @returns why a key is where it is; null if the ring is empty. */
function explained(ring: Ring, key: string): Explanation | null {
  const explanation = ring.explain(key);
  return explanation === undefined ? null : { ...explanation, key: shownKey(key) };
}

/** Reads something of each replica, in one round trip. What cannot be read is left out. */
async function readEach<Value>(
  names: readonly string[],
  read: (name: string) => Promise<Value | undefined>,
): Promise<ReadonlyMap<string, Value | undefined>> {
  const values = await Promise.all(names.map((name) => read(name).catch(() => undefined)));
  return new Map(names.map((name, at) => [name, values[at]]));
}
