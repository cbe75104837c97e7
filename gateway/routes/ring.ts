import fp from 'fastify-plugin';
import type { Redis } from 'ioredis';
import { driverTrouble, parseStatus } from '#shared/contract/replica-status.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import { parseLease } from '#shared/contract/lease.ts';
import { readCrash } from '#shared/store/crash-notes.ts';
import type { CrashNote } from '#shared/store/crash-notes.ts';
import { expectedOfRing } from '#shared/store/repair/expected-keys.ts';
import type { ExpectedKey } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RingStore } from '#shared/store/ring-store.ts';
import { shownKey } from '#shared/ring/key-text.ts';
import type { Explanation, Ring, RingParameters } from '#shared/ring/ring.ts';
import type { AdminAccess } from '../admin/admin-access.ts';
import { queryValues } from '../request/query.ts';
import { operations } from '../openapi/operations.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';

export interface RingRouteOptions {
  readonly store: RingStore;
  readonly watcher: RingWatcher;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly access: AdminAccess;
  readonly parameters: RingParameters;
  readonly log: Logger;
}

/** `/-/ring`: the ring, each replica's state as the controller sees it, and, for `?key=`, why a key is where it is. */
export const ringRoutes = fp<RingRouteOptions>(
  (app, { store, watcher, redis, keys, access, parameters, log }, done) => {
    const repair = new KeyRepair(redis, keys, log);
    const expected = (): ExpectedKey[] => expectedOfRing(keys);
    /** The controller writes anew what is moved aside here. */
    const statusOf = (all: Readonly<Record<string, string>>, name: string): Shown => {
      const text = Object.hasOwn(all, name) ? all[name] : undefined;
      const status = text === undefined ? undefined : parseStatus(text);
      if (text !== undefined && status === undefined)
        repair.aside.field(keys.status, name, text).catch(() => undefined);
      return status ?? { state: 'desired' };
    };
    app.get('/-/ring', { schema: operations.showRing }, async (request) => {
      const [state, status, leader] = await Promise.all([
        store.read(),
        repair.mending(() => redis.hgetall(keys.status), expected),
        repair.mending(() => redis.get(keys.leader), expected),
      ]);
      const [key] = queryValues(request.originalUrl, 'key', 1);
      const heirs = await repair.mending(() => redis.hgetall(keys.heirs), expected);
      const names = state.desired.flatMap(({ name, replaces }) =>
        replaces === undefined ? [name] : [name, replaces],
      );
      names.push(...state.retired.keys());
      const [found, skews] = await Promise.all([crashesOf(redis, keys, names), skewsOf(redis, keys, names)]);
      const onlyViews = access.onlyViews(request);
      const crashOf = (name: string, replaces = name): CrashNote | null => {
        const crash = found.get(name) ?? found.get(replaces);
        if (crash === undefined || !onlyViews) return crash ?? null;
        // Stderr and reasons have words of the handler, and who knows an id may read the answer.
        const { generation, at } = crash;
        return at === undefined ? { generation } : { generation, at };
      };
      const replicas = state.desired.map(({ name, joined, weight, replaces }) => ({
        name,
        joined,
        weight,
        ...(replaces === undefined ? {} : { replaces }),
        inRing: state.ring.has(name),
        ...statusOf(status, name),
        clockAheadMs: skews.get(name) ?? null,
        // That of the replica whose place it has, until it has one of its own.
        crash: crashOf(name, replaces),
      }));
      const retired = [...state.retired.keys()].map((name) => ({
        name,
        ...(Object.hasOwn(heirs, name) ? { heir: heirs[name] } : {}),
        ...statusOf(status, name),
        clockAheadMs: skews.get(name) ?? null,
        crash: crashOf(name),
      }));
      return {
        version: state.version,
        parameters,
        leader,
        trouble: status[driverTrouble] ?? null,
        clockAheadMs: clockOf(redis).aheadMs,
        replicas,
        retired,
        ...(key === undefined ? {} : { key: explained(watcher.ring, key) }),
      };
    });
    done();
  },
  { name: 'ring-routes' },
);

/** @returns why a key is where it is; null on an empty ring. */
function explained(ring: Ring, key: string): Explanation | null {
  const explanation = ring.explain(key);
  return explanation === undefined ? null : { ...explanation, key: shownKey(key) };
}

type Shown = ReplicaStatus | { readonly state: 'desired' };

/** @returns the last crash of each replica that had one within the last hour: one round trip. */
async function crashesOf(
  redis: Redis,
  keys: Keys,
  names: readonly string[],
): Promise<ReadonlyMap<string, CrashNote | undefined>> {
  const crashes = await Promise.all(names.map((name) => readCrash(redis, keys, name).catch(() => undefined)));
  return new Map(names.map((name, at) => [name, crashes[at]]));
}

/** @returns how far the clock of each replica's worker, or adopter, is ahead of Redis's, in ms; undefined for one without a lease. */
async function skewsOf(
  redis: Redis,
  keys: Keys,
  names: readonly string[],
): Promise<ReadonlyMap<string, number | undefined>> {
  const leases = await Promise.all(names.map((name) => redis.get(keys.lease(name)).catch(() => null)));
  return new Map(names.map((name, at) => [name, parseLease(leases[at] ?? '')?.clockAheadMs]));
}
