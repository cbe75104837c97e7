import type { FastifyInstance } from 'fastify';
import type { Logger } from '#shared/process/logger.ts';
import { CancellationChannel } from '#shared/store/cancellation-channel.ts';
import { DeadLetters } from '#shared/store/dead-letters.ts';
import { IdempotencyClaims } from '#shared/store/idempotency-claims.ts';
import { KeptReplies } from '#shared/store/kept-replies.ts';
import { PublishedStatus } from '#shared/store/published-status.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { RequestChanges } from '#shared/store/request-changes.ts';
import { RequestEnds } from '#shared/store/request-ends.ts';
import { RequestRecords } from '#shared/store/request-records.ts';
import type { RingStore } from '#shared/store/ring-store.ts';
import type { Agreement } from './ring/agreement.ts';
import { AdminAccess } from './admin/admin-access.ts';
import { dispatchRoute } from './http/sides.ts';
import type { Callbacks } from './callbacks/callbacks.ts';
import type { Callers } from './caller/callers.ts';
import type { GatewayConfig } from './settings/config.ts';
import type { Connections } from './http/connections.ts';
import type { Capacity } from './dispatch/capacity.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { HeldBytes } from './request/held-bytes.ts';
import type { JobQueues } from '#shared/store/job-queues.ts';
import type { ReplyInbox } from './dispatch/reply-inbox.ts';
import { lastAnswers } from './routes/last-answers.ts';
import { openApi } from './openapi/openapi.ts';
import type { RingWatcher } from './ring/ring-watcher.ts';
import { originForm } from './edge/request-target.ts';
import type { Target } from './edge/request-target.ts';
import { createListener } from './http/listener.ts';
import { keyFields } from './request/hash-key.ts';
import { RequestParser } from './request/request-parser.ts';
import type { ForwardingRules } from './request/request-head.ts';
import { redrive } from './async/redrive.ts';
import { Cancellation } from './async/cancellation.ts';
import { Uploads } from './request/uploads.ts';
import { Watches } from './records/watches.ts';
import { callbackSecretRoutes } from './routes/callback-secret.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { dispatchRoutes } from './routes/dispatch.ts';
import { healthRoutes } from './routes/health.ts';
import { Metrics, metricsRoutes } from './routes/metrics.ts';
import { adminPaths, replicaRoutes } from './routes/replicas.ts';
import { requestRoutes } from './routes/requests.ts';
import { ringRoutes } from './routes/ring.ts';
import { UnsentAnswers } from './routes/unsent-answers.ts';
import { StartThreshold } from './ring/start-threshold.ts';

export interface AppParts {
  readonly config: GatewayConfig;
  readonly store: RingStore;
  readonly watcher: RingWatcher;
  readonly agreement: Agreement;
  readonly dispatcher: Dispatcher;
  readonly capacity: Capacity;
  readonly queues: JobQueues;
  readonly callbacks: Callbacks;
  readonly callers: Callers;
  /** A fail-fast connection. */
  readonly connection: Connection;
  /** A patient connection for subscriptions, which others share. */
  readonly changes: Connection;
  readonly inbox: ReplyInbox;
  readonly held: HeldBytes;
  /** Time in ms for which a client may send nothing of a body; that of `uploads.ts` if it is not given. */
  readonly uploadIdleMs?: number;
  readonly log: Logger;
}

/** The HTTP side of a gateway. */
export interface App {
  readonly app: FastifyInstance;
  /** The listener of `ADMIN_PORT`; undefined if the admin side is on `PORT`. */
  readonly adminApp: FastifyInstance | undefined;
  /** Those of each listener. */
  readonly connections: readonly Connections[];
  readonly watches: Watches;
}

/**
 * Builds the HTTP side of a gateway; it neither listens nor starts its parts.
 */
export async function buildApp(parts: AppParts): Promise<App> {
  const {
    config,
    store,
    watcher,
    agreement,
    dispatcher,
    capacity,
    queues,
    callbacks,
    callers,
    changes,
    connection,
    inbox,
    held,
    log,
  } = parts;
  const { maxConnections, bodyLimitBytes, headLimitBytes, headLimitFields } = config;
  const limits = { maxConnections, bodyLimitBytes, headLimitBytes, headLimitFields, log };
  const alone = config.admin.port !== undefined;
  const metrics = new Metrics();
  const both = { ...limits, counter: metrics };
  const data = createListener({ ...both, routeOf: alone ? routeOfData : routeOf, unread: 'dispatch' });
  // It has a limit of connections of its own: a flood of the data port keeps no admin out.
  const own = alone ? createListener({ ...both, routeOf: pathOf, unread: 'admin' }) : undefined;
  const { app, connections } = data;
  const admin = own ?? data;
  const uploads = new Uploads(held, parts.uploadIdleMs);
  const unsent = new UnsentAnswers({ held, sendTimeoutMs: config.sendTimeoutMs, log });
  metrics.observe(dispatcher, watcher);
  metrics.observeClients({
    heldBytes: () => held.size,
    slowClients: () => unsent.closedCount,
    refusedConnections: () => data.refusedCount() + (own?.refusedCount() ?? 0),
  });
  const access = new AdminAccess({ settings: config.admin, log, registry: metrics.registry });
  for (const each of new Set([app, admin.app])) access.protect(each);

  const records = new RequestRecords(connection, log, (job) => callers.ofSent(job));
  const replies = new KeptReplies(connection, log);
  const claims = new IdempotencyClaims(connection, config.idempotencyTtlMs, log);
  const ends = new RequestEnds(connection, log);
  const keepMs = config.resultTtlMs;
  const cancellation = new Cancellation({
    records,
    ends,
    cancellations: new CancellationChannel(connection),
    queues,
    callbacks,
    keepMs,
    log,
  });
  const forwarding: ForwardingRules = {
    trusted: config.trustedProxies,
    keyFields: keyFields([...config.hashKey, ...config.callerKey]),
    xForwarded: config.forwarded === 'both',
  };
  const parser = new RequestParser({
    hashKey: config.hashKey,
    idempotencyScope: config.idempotencyScope,
    callerOf: (request) => callers.of(request),
  });
  const requestChanges = new RequestChanges(changes);
  const watches = new Watches({ records, changes: requestChanges, connections, limit: config.watchLimit });

  await admin.app.register(openApi, { withDispatch: own === undefined });
  const onClosing = (): void => {
    watches.stop();
    access.stop();
  };
  const timeoutMs = config.drainTimeoutMs;
  await app.register(lastAnswers, { connections, timeoutMs, onClosing });
  if (own !== undefined)
    await own.app.register(lastAnswers, {
      connections: own.connections,
      timeoutMs,
      onClosing: () => access.stop(),
    });
  await app.register(dispatchRoutes, {
    dispatcher,
    connections,
    async: {
      dispatcher,
      capacity,
      records,
      replies,
      watches,
      callbacks,
      claims,
      ends,
      asyncTimeoutMs: config.asyncTimeoutMs,
      keepMs,
      replyTimeoutMs: config.replyTimeoutMs,
      held,
      unsent,
    },
    forwarding,
    parser,
    redaction: config.redaction,
    bodyLimitBytes,
    uploads,
    unsent,
  });
  await admin.app.register(replicaRoutes, {
    store,
    watcher,
    log,
    parameters: config.ring,
    maxReplicas: config.maxReplicas,
    containers: config.replicaDriver === 'docker',
    addTimeoutMs: config.addTimeoutMs,
  });
  await app.register(requestRoutes, {
    held,
    unsent,
    records,
    replies,
    watches,
    callers,
    forwarding,
    isAdmin: (request) => access.holdsToken(request),
    cancel: (request) => cancellation.cancel(request),
  });
  const letters = new DeadLetters(connection, log);
  await admin.app.register(deadLetterRoutes, {
    letters,
    access,
    redaction: config.redaction,
    redrive: (letter, given) =>
      redrive(
        {
          dispatcher,
          capacity,
          letters,
          records,
          claims,
          queues,
          isServed: (replica) => watcher.isServed(replica),
          trusted: config.trustedProxies,
          parser,
          checkCallbacks: (urls) => callbacks.check(urls),
          asyncTimeoutMs: config.asyncTimeoutMs,
          keepMs,
        },
        letter,
        given,
      ),
  });
  await admin.app.register(callbackSecretRoutes, { secrets: config.callbackSecrets, access });
  await app.register(healthRoutes, {
    connection,
    watcher,
    status: new PublishedStatus(connection, log),
    inbox,
    agreement,
    threshold: new StartThreshold(watcher, config.readyAfterMs),
  });
  const { ring: parameters } = config;
  await admin.app.register(ringRoutes, { connection, store, watcher, access, parameters, log });
  await admin.app.register(metricsRoutes, { metrics });
  return {
    app,
    adminApp: own?.app,
    connections: own === undefined ? [connections] : [connections, own.connections],
    watches,
  };
}

/** Not asked as an object's property: V8 would look each path up among all strings first. */
const ownPaths: readonly string[] = Object.keys(adminPaths);

/** The target of a request in origin form. */
function pathOf({ method = 'GET', url = '/' }: Target): string {
  return originForm(method, url);
}

/** Sends all but the gateway's own paths to the one route that dispatches. */
function routeOf(request: Target): string {
  const url = pathOf(request);
  if (url.startsWith('/-/')) return url;
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  return ownPaths.includes(path) ? url : dispatchRoute;
}

/** The same if the admin side has a listener of its own. */
function routeOfData(request: Target): string {
  const url = pathOf(request);
  return url.startsWith('/-/') ? url : dispatchRoute;
}
