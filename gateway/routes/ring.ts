import fp from 'fastify-plugin';
import type { KeyView } from '#shared/contract/ring-view.ts';
import type { Logger } from '#shared/process/logger.ts';
import { shownKey } from '#shared/ring/key-text.ts';
import type { Ring, RingParameters } from '#shared/ring/ring.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { Placement } from '../load/placement.ts';
import { Lines } from '#shared/store/queue/line.ts';
import type { RingStore } from '#shared/store/ring/ring-store.ts';
import type { AdminAccess } from './admin-access.ts';
import { operations } from '../openapi/operations.ts';
import { limitLineOf } from '../request/directives.ts';
import { queryValues } from '../request/query.ts';
import { RingPictures } from '../ring/ring-picture.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';

export interface RingRouteOptions {
  readonly connection: Connection;
  readonly store: RingStore;
  readonly watcher: RingWatcher;
  readonly placement: Placement;
  readonly access: AdminAccess;
  readonly parameters: RingParameters;
  readonly log: Logger;
}

/**
 * `/-/ring`: the ring, each replica's state as the controller sees it, and, for `?key=`, why a key is where
 * it is.
 */
export const ringRoutes = fp<RingRouteOptions>(
  (app, { connection, store, watcher, placement, access, parameters, log }, done) => {
    const lines = new Lines(connection, log, 'server');
    const pictures = new RingPictures({ connection, store, log });
    app.get('/-/ring', { schema: operations.showRing }, async (request) => {
      const picture = await pictures.read(await store.read());
      const onlyViews = access.onlyViews(request);
      const [key] = queryValues(request.originalUrl, 'key', 1);
      return {
        version: picture.state.version,
        parameters,
        leader: picture.leader,
        trouble: picture.trouble,
        clockAheadMs: clockOf(connection).aheadMs,
        autoscale: picture.autoscale.configured ? picture.autoscale : null,
        joining: picture.joining,
        replicas: picture.replicas(onlyViews),
        retired: picture.retired(onlyViews),
        ...(key === undefined ? {} : { key: await explained(watcher.ring, placement, lines, key) }),
      };
    });
    done();
  },
  { name: 'ring-routes' },
);

/** @returns why a key is where it is, and what its requests do; null if the ring is empty. */
async function explained(
  ring: Ring,
  placement: Placement,
  lines: Lines,
  key: string,
): Promise<KeyView | null> {
  const explanation = ring.explain(key);
  if (explanation === undefined) return null;
  const [loads, requests] = await Promise.all([placement.explain(key), lines.counts(limitLineOf(key))]);
  const limited = requests.running + requests.waiting > 0 ? { requests } : {};
  return { ...explanation, key: shownKey(key), ...(loads === undefined ? {} : { loads }), ...limited };
}
