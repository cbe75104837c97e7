import fp from 'fastify-plugin';
import type { Redis } from 'ioredis';
import { Problem } from '#shared/errors.ts';
import type { RingWatcher } from '../ring-watcher.ts';

export interface HealthRouteOptions {
  readonly watcher: RingWatcher;
  readonly redis: Redis;
}

/** `/-/live`: the process answers. `/-/ready`: requests can be dispatched, or why not. */
export const healthRoutes = fp<HealthRouteOptions>(
  (app, { watcher, redis }, done) => {
    app.get('/-/live', () => ({ status: 'live' }));
    app.get('/-/ready', () => {
      if (redis.status !== 'ready' || watcher.stale)
        throw new Problem('redis_away', 'Redis does not answer.');
      if (watcher.ring.members.length === 0) throw new Problem('no_replica', 'No replica is ready.');
      return { status: 'ready', replicas: watcher.ring.members.map(({ name }) => name) };
    });
    done();
  },
  { name: 'health-routes' },
);
