import type { FastifyInstance, FastifyRequest } from 'fastify';
import { PublishedStatus } from '#shared/store/ring/published-status.ts';
import type { AppParts, RequestParts } from './app-parts.ts';
import type { Cancellation } from './async/cancellation.ts';
import type { Connections } from './http/connections.ts';
import type { KeptStreamParts } from './streams/readable-answer.ts';
import type { Watches } from './records/watches.ts';
import { StartThreshold } from './ring/start-threshold.ts';
import type { AdminAccess } from './routes/admin-access.ts';
import { dispatchRoutes } from './routes/dispatch.ts';
import { healthRoutes } from './routes/health.ts';
import { replyRoutes } from './routes/request-reply.ts';
import { requestRoutes } from './routes/requests.ts';

export interface ClientSideParts extends AppParts, RequestParts {
  readonly access: AdminAccess;
  readonly connections: Connections;
  readonly watches: Watches;
  readonly keptStreams: KeptStreamParts;
  readonly cancellation: Cancellation;
}

/** Registers the routes of clients: all requests to be dispatched, `/-/requests`, and the probes. */
export async function registerClientSide(app: FastifyInstance, parts: ClientSideParts): Promise<void> {
  const { config, connection, watcher, access, cancellation, log } = parts;
  const { asyncTimeoutMs, replyTimeoutMs, resultTtlMs: keepMs, bodyLimitBytes, redaction } = config;
  await app.register(dispatchRoutes, {
    ...parts,
    async: { ...parts, asyncTimeoutMs, keepMs, replyTimeoutMs },
    redaction,
    bodyLimitBytes,
  });
  const isAdmin = (request: FastifyRequest): boolean => access.holdsToken(request);
  await app.register(replyRoutes, { ...parts, isAdmin });
  await app.register(requestRoutes, {
    ...parts,
    isAdmin,
    cancel: (request) => cancellation.cancel(request),
  });
  await app.register(healthRoutes, {
    ...parts,
    status: new PublishedStatus(connection, log),
    threshold: new StartThreshold(watcher, config.readyAfterMs),
  });
}
