import { runsContainers } from './drivers/driver-kind.ts';
import type { FastifyInstance } from 'fastify';
import { JoinStore } from '#shared/store/joins/join-store.ts';
import type { AppParts, RequestParts } from './app-parts.ts';
import { apiRoutes } from './api/api-routes.ts';
import type { EventStreams } from './api/event-streams.ts';
import { autoscaleRoutes } from './api/autoscale-routes.ts';
import { planRoute } from './api/plan-route.ts';
import { replicaActionRoutes } from './api/replica-actions.ts';
import { redrive } from './async/redrive.ts';
import type { RedriveOptions } from './async/redrive.ts';
import type { Cancellation } from './async/cancellation.ts';
import { requestApi } from './api/request-api.ts';
import type { AdminAccess } from './routes/admin-access.ts';
import { callbackSecretRoutes } from './routes/callback-secret.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { metricsRoutes } from './routes/metrics.ts';
import type { Metrics } from './metrics/metrics.ts';
import { replicaRoutes } from './routes/replicas.ts';
import { ringRoutes } from './routes/ring.ts';

export interface AdminSideParts extends AppParts, RequestParts {
  readonly access: AdminAccess;
  readonly cancellation: Cancellation;
  readonly metrics: Metrics;
  /** The event streams of the API. */
  readonly streams: EventStreams;
}

/**
 * Registers the routes of the admin side: the replicas, dead letters, callback secrets, the ring and the
 * metrics.
 */
export async function registerAdminSide(app: FastifyInstance, parts: AdminSideParts): Promise<void> {
  const { config, watcher, callbacks, access, cancellation, metrics } = parts;
  const { ring: parameters, redaction, asyncTimeoutMs, resultTtlMs: keepMs } = config;
  const limits = { maxReplicas: config.maxReplicas, containers: runsContainers(config.replicaDriver) };
  await app.register(replicaRoutes, {
    ...parts,
    parameters,
    ...limits,
    joins: new JoinStore(parts.connection, parts.log),
    addTimeoutMs: config.addTimeoutMs,
  });
  const redriving: RedriveOptions = {
    ...parts,
    isServed: (replica) => watcher.isServed(replica),
    trusted: config.trustedProxies,
    checkCallbacks: (urls) => callbacks.check(urls),
    asyncTimeoutMs,
    keepMs,
  };
  await app.register(deadLetterRoutes, {
    ...parts,
    redaction,
    redrive: (letter, given) => redrive(redriving, letter, given),
  });
  await app.register(callbackSecretRoutes, { secrets: config.callbackSecrets, access });
  await app.register(ringRoutes, { ...parts, parameters });
  await app.register(apiRoutes, parts);
  await app.register(planRoute, { ...parts, parameters, ...limits, slowStartMs: config.slowStartMs });
  await app.register(replicaActionRoutes, { ...parts, parameters, replicaDriver: config.replicaDriver });
  await app.register(autoscaleRoutes, parts);
  await app.register(requestApi, { ...parts, cancel: (request) => cancellation.cancel(request) });
  await app.register(metricsRoutes, { metrics });
}
