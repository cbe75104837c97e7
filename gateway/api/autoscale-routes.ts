import fp from 'fastify-plugin';
import type { AutoscaleView } from '#shared/contract/api/autoscale.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { AutoscaleStore } from '#shared/store/ring/autoscale-store.ts';
import { autoscaleOperations } from '../openapi/autoscale-operations.ts';
import { noStore } from '../routes/no-store.ts';
import { redisAway } from '../routes/redis-away.ts';

export interface AutoscaleRouteOptions {
  readonly connection: Connection;
  readonly log: Logger;
}

/** `GET` and `PUT /-/api/autoscale`: what the leading controller decides, and whether it may act on it. */
export const autoscaleRoutes = fp<AutoscaleRouteOptions>(
  (app, { connection, log }, done) => {
    const store = new AutoscaleStore(connection, log);
    const path = '/-/api/autoscale';
    const read = (): Promise<AutoscaleView> => redisAway(() => store.read());
    app.get(path, { onRequest: noStore, schema: autoscaleOperations.show }, read);
    app.put(path, { onRequest: noStore, schema: autoscaleOperations.change }, async ({ body }) => {
      const enabled = enabledIn(body);
      const at = Math.round(clockOf(connection).now());
      const stop = enabled ? undefined : ({ by: 'operator', at } as const);
      if (await redisAway(() => store.setStopped(stop))) return read();
      throw new Problem(
        'conflict',
        'The leading controller does not scale. Start the controllers with AUTOSCALE, e.g. AUTOSCALE=2..20.',
      );
    });
    done();
  },
  { name: 'autoscale-routes' },
);

/** @throws {Problem} `request_malformed`. */
function enabledIn(body: unknown): boolean {
  const enabled: unknown =
    typeof body === 'object' && body !== null && 'enabled' in body ? body.enabled : undefined;
  if (typeof enabled === 'boolean') return enabled;
  throw new Problem('request_malformed', 'The body must be {"enabled":true} or {"enabled":false}.');
}
