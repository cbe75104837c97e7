import type { FastifyInstance } from 'fastify';
import { CancellationChannel } from '#shared/store/queue/cancellation-channel.ts';
import { RequestChanges } from '#shared/store/records/request-changes.ts';
import { DashboardSessions } from '#shared/store/records/dashboard-sessions.ts';
import { BytesFeed } from '#shared/store/streams/bytes-feed.ts';
import { KeptStreamReader } from '#shared/store/streams/kept-stream-reader.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { registerAdminSide } from './admin-side.ts';
import { Sessions } from './admin/sessions.ts';
import { EventStreams } from './api/event-streams.ts';
import { createRequestParts } from './app-parts.ts';
import type { AppParts } from './app-parts.ts';
import { Cancellation } from './async/cancellation.ts';
import { registerClientSide } from './client-side.ts';
import { registerDashboardSide } from './dashboard-side.ts';
import type { Connections } from './http/connections.ts';
import { createListeners } from './http/listeners.ts';
import type { TimesByReplica } from './metrics/replica-times.ts';
import { openApi } from './openapi/openapi.ts';
import { Watches } from './records/watches.ts';
import { AdminAccess } from './routes/admin-access.ts';
import { docsPage } from './routes/docs-page.ts';
import { lastAnswers } from './routes/last-answers.ts';
import { Followers } from './streams/followers.ts';
import { ClusterFiguresReader } from './metrics/cluster-figures.ts';
import { Metrics } from './metrics/metrics.ts';

/** The HTTP side of a gateway. */
export interface App {
  readonly app: FastifyInstance;
  /** The listener of `ADMIN_PORT`; undefined if the admin side is on `PORT`. */
  readonly adminApp: FastifyInstance | undefined;
  /** The connections of each listener. */
  readonly connections: readonly Connections[];
  readonly watches: Watches;
  /** What was counted of each replica. */
  readonly times: TimesByReplica;
}

/** Builds the HTTP side of a gateway. It neither listens nor starts its parts. */
export async function buildApp(given: AppParts): Promise<App> {
  const { config, connection, changes, dispatcher, watcher, held, endedRequests, log } = given;
  const { maxConnections, bodyLimitBytes, headLimitBytes, headLimitFields } = config;
  const limits = { maxConnections, bodyLimitBytes, headLimitBytes, headLimitFields };
  const metrics = new Metrics();
  const isSeparate = config.admin.port !== undefined;
  const listeners = createListeners({ ...limits, counter: metrics, endedRequests, log }, isSeparate);
  const { client, admin, all } = listeners;
  const settings = config.admin;
  const sessions = createSessions(given);
  const { trustedProxies: trusted } = config;
  const access = new AdminAccess({ settings, log, registry: metrics.registry, sessions, trusted });
  for (const listener of all) access.protect(listener.app, isSeparate && listener === admin);

  const parts = { ...given, ...createRequestParts(given), access };
  const { connections } = client;
  const watches = new Watches({
    records: parts.records,
    changes: new RequestChanges(changes),
    connections,
    limit: config.watchLimit,
  });
  const reader = new KeptStreamReader(connection);
  const followers = new Followers({ reader, feed: new BytesFeed(changes), watches });
  const streams = new EventStreams({ connections: admin.connections, unsent: parts.unsent });
  const cancellations = new CancellationChannel(connection);
  const cancellation = new Cancellation({ ...parts, cancellations, keepMs: config.resultTtlMs });
  const figures = new ClusterFiguresReader(connection, () => watcher.names(), log);
  metrics.observe(dispatcher, watcher, () => figures.read());
  metrics.observeLimits(() => given.keyRateLimit.refusedCount);
  metrics.observeAccessLog(() => given.accessLog?.droppedCount ?? 0);
  metrics.observeLoads(given.loads);
  metrics.observeStreams(given.openStreams, followers);
  metrics.observeClients({
    heldBytes: () => held.size,
    slowClients: () => parts.unsent.closedCount,
    refusedConnections: () => all.reduce((sum, { refusedCount }) => sum + refusedCount(), 0),
  });

  // It documents the routes that are registered after it.
  await admin.app.register(openApi, { withDispatch: !isSeparate });
  await admin.app.register(docsPage);
  for (const listener of all)
    await listener.app.register(lastAnswers, {
      connections: listener.connections,
      timeoutMs: config.drainTimeoutMs,
      onClosing: () => {
        if (listener === client) watches.stop();
        streams.stop();
        access.stop();
      },
    });
  const keptStreams = { records: parts.records, reader, followers };
  await registerClientSide(client.app, { ...parts, connections, watches, keptStreams, cancellation });
  await registerAdminSide(admin.app, { ...parts, cancellation, metrics, streams });
  await registerDashboardSide({ listeners, access, settings, sessions });
  return {
    app: client.app,
    adminApp: isSeparate ? admin.app : undefined,
    connections: all.map((listener) => listener.connections),
    watches,
    times: metrics.times,
  };
}

function createSessions({ config, connection, log }: AppParts): Sessions {
  const clock = clockOf(connection);
  const store = new DashboardSessions(connection, log);
  return new Sessions({ store, settings: config.admin, now: () => clock.now() });
}
