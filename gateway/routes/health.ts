import fp from 'fastify-plugin';
import type { Redis } from 'ioredis';
import { driverTrouble } from '#shared/contract/replica-status.ts';
import { Problem } from '#shared/errors.ts';
import type { Keys } from '#shared/keys.ts';
import type { RingWatcher } from '../ring-watcher.ts';

export interface HealthRouteOptions {
  readonly watcher: RingWatcher;
  readonly redis: Redis;
  readonly keys: Keys;
}

/** `/-/live`: the process answers. `/-/ready`: requests can be dispatched, or why not. */
export const healthRoutes = fp<HealthRouteOptions>(
  (app, { watcher, redis, keys }, done) => {
    app.get('/-/live', () => ({ status: 'live' }));
    app.get('/-/ready', async () => {
      if (redis.status !== 'ready' || watcher.stale)
        throw new Problem('redis_away', 'Redis does not answer.');
      if (watcher.ring.members.length === 0) throw new Problem('no_replica', 'No replica is ready.');
      // Requests go on while replicas cannot be started or ended; who watches shall know of it all the same.
      const trouble = await redis.hget(keys.status, driverTrouble);
      const replicas = watcher.ring.members.map(({ name }) => name);
      return { status: 'ready', replicas, ...(trouble === null ? {} : { trouble }) };
    });
    done();
  },
  { name: 'health-routes' },
);
