import Fastify from 'fastify';
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import type { Redis } from 'ioredis';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { Problem, retryAfterSeconds } from '#shared/errors.ts';
import type { Keys } from '#shared/keys.ts';
import type { Logger } from '#shared/logger.ts';
import type { RingStore } from '#shared/ring-store.ts';
import { createAdminGuard } from './admin-guard.ts';
import type { Callbacks } from './callbacks/callbacks.ts';
import type { Callers } from './caller/callers.ts';
import type { GatewayConfig } from './config.ts';
import { Connections } from './connections.ts';
import type { Capacity } from './dispatch/capacity.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { HeldBytes } from './dispatch/held-bytes.ts';
import type { JobQueues } from './dispatch/job-queues.ts';
import type { ReplyInbox } from './dispatch/reply-inbox.ts';
import { lastAnswers } from './plugins/last-answers.ts';
import { openApi } from './openapi/openapi.ts';
import type { RingWatcher } from './ring-watcher.ts';
import { originForm } from './dispatch/forwarding.ts';
import { SparseWarning } from '#shared/sparse-warning.ts';
import { keyFields } from './dispatch/hash-key.ts';
import type { ForwardingRules } from './dispatch/request-head.ts';
import { DeadLetterStore } from './dead-letters/dead-letter-store.ts';
import { redrive } from './dead-letters/redrive.ts';
import { cancelRequest } from './requests/cancellation.ts';
import { Claims } from './requests/idempotency.ts';
import { keyOwner } from './requests/key-owner.ts';
import { Uploads } from './dispatch/uploads.ts';
import { RequestChanges } from './requests/request-changes.ts';
import { RequestStore } from './requests/request-store.ts';
import { Watches } from './requests/watches.ts';
import { callbackSecretRoutes } from './routes/callback-secret.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { dispatchRoute, dispatchRoutes } from './routes/dispatch.ts';
import { healthRoutes } from './routes/health.ts';
import { Metrics, metricsRoutes } from './routes/metrics.ts';
import { problemType, writeProblemTo } from './routes/problem-response.ts';
import { adminPaths, replicaRoutes } from './routes/replicas.ts';
import { requestRoutes } from './routes/requests.ts';
import { ringRoutes } from './routes/ring.ts';
import { UnsentAnswers } from './routes/unsent-answers.ts';

export interface AppParts {
  readonly config: GatewayConfig;
  readonly store: RingStore;
  readonly watcher: RingWatcher;
  readonly dispatcher: Dispatcher;
  readonly capacity: Capacity;
  readonly queues: JobQueues;
  readonly callbacks: Callbacks;
  readonly callers: Callers;
  /** A patient connection for subscriptions, which others share. */
  readonly subscriber: Redis;
  /** A fail-fast connection. */
  readonly redis: Redis;
  readonly keys: Keys;
  readonly inbox: ReplyInbox;
  readonly held: HeldBytes;
  /** Time in ms for which a client may send nothing of a body; that of `uploads.ts` if it is not given. */
  readonly uploadIdleMs?: number;
  readonly log: Logger;
}

/** Bytes that the head of a request may have. */
const headLimitBytes = 64 * 1024;
/** Time that a client has to send its request, in ms. */
const requestTimeoutMs = 300_000;

/** The HTTP side of a gateway. */
export interface App {
  readonly app: FastifyInstance;
  readonly connections: Connections;
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
    dispatcher,
    capacity,
    queues,
    callbacks,
    callers,
    redis,
    subscriber,
    keys,
    inbox,
    held,
    log,
  } = parts;
  const app = Fastify({
    logger: false,
    // Requests that come in while the gateway closes are served like any other.
    return503OnClosing: false,
    requestTimeout: requestTimeoutMs,
    routerOptions: { ignoreTrailingSlash: false, caseSensitive: true },
    rewriteUrl: routeOf,
    http: {
      maxHeaderSize: headLimitBytes,
      shouldUpgradeCallback: asksForUpgrade,
      // Looked at where requests are dispatched, with a problem for an answer.
      requireHostHeader: false,
      // A request without a body has no stream to be read and ended.
      optimizeEmptyRequests: true,
    },
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, new Problem('request_malformed', error.message));
    },
    clientErrorHandler: refuseMalformed,
  });
  // Fastify would wait for the end of a body that is not there, and has none (optimizeEmptyRequests).
  app.addHook('preParsing', (request, _reply, payload, done) =>
    done(null, request.raw.readableEnded ? Readable.from([]) : payload),
  );
  const uploads = new Uploads(held, parts.uploadIdleMs);
  const unsent = new UnsentAnswers({ held, sendTimeoutMs: config.sendTimeoutMs, log });
  const refusedConnections = new SparseWarning(log, 'a connection was refused: there are MAX_CONNECTIONS');
  let refusedCount = 0;
  app.server.maxConnections = config.maxConnections;
  app.server.on('drop', () => {
    refusedCount += 1;
    refusedConnections.warn({});
  });
  const connections = new Connections(app.server);
  const metrics = new Metrics();
  metrics.observe(dispatcher, watcher);
  metrics.observeClients({
    heldBytes: () => held.size,
    slowClients: () => unsent.closedCount,
    refusedConnections: () => refusedCount,
  });
  const guard = createAdminGuard(config.adminToken, config.adminClosed);

  app.setErrorHandler((error: FastifyError | Problem, _request, reply) => {
    if (error instanceof Problem) return sendProblem(reply, error);
    if ((error.statusCode ?? 500) < 500)
      return sendProblem(reply, new Problem('request_malformed', error.message));
    log.error({ err: error }, 'a route failed');
    return sendProblem(reply, new Problem('internal', 'The gateway failed.'));
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      new Problem('not_found', `There is nothing at ${request.method} ${request.originalUrl}.`),
    ),
  );
  app.server.on('checkContinue', (request, response) => {
    // A body that is known to be too large need not be sent.
    if (!(Number(request.headers['content-length']) > config.bodyLimitBytes)) response.writeContinue();
    app.server.emit('request', request, response);
  });
  app.server.on('connect', (_request, socket) => {
    writeProblemTo(socket, 'method_not_supported', 'CONNECT is not supported.');
  });
  app.server.on('upgrade', (_request, socket) => {
    writeProblemTo(socket, 'upgrade_not_supported', 'Upgrades such as WebSocket are not supported.');
  });

  const requests = new RequestStore(redis, keys, log, callers);
  const claims = new Claims(redis, keys, config.idempotencyTtlMs, log);
  const forwarding: ForwardingRules = {
    trusted: config.trustedProxies,
    keyFields: keyFields([...config.hashKey, ...config.callerKey]),
  };
  const ownerOf = keyOwner(config.hashKey, callers, config.idempotencyScope);
  const changes = new RequestChanges(subscriber, keys);
  const watches = new Watches({ store: requests, changes, connections, limit: config.watchLimit });

  // The routes look at what they get, and answer as it is: their schemas are for who reads about them.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));

  await app.register(openApi);
  await app.register(lastAnswers, {
    connections,
    timeoutMs: config.drainTimeoutMs,
    onClosing: () => watches.stop(),
  });
  await app.register(dispatchRoutes, {
    dispatcher,
    connections,
    handOver: {
      dispatcher,
      capacity,
      store: requests,
      watches,
      callbacks,
      callers,
      claims,
      asyncTimeoutMs: config.asyncTimeoutMs,
      keepMs: config.resultTtlMs,
      replyTimeoutMs: config.replyTimeoutMs,
      held,
      unsent,
    },
    forwarding,
    ownerOf,
    bodyLimitBytes: config.bodyLimitBytes,
    uploads,
    unsent,
    onOutcome: ({ result }, ms) =>
      metrics.record(result instanceof Problem ? result.code : String(result.status), ms),
    onHandedOver: (status, ms) => metrics.record(String(status), ms),
  });
  await app.register(replicaRoutes, {
    store,
    watcher,
    guard,
    parameters: config.ring,
    maxReplicas: config.maxReplicas,
    containers: config.replicaDriver === 'docker',
    addTimeoutMs: config.addTimeoutMs,
  });
  await app.register(requestRoutes, {
    held,
    unsent,
    store: requests,
    watches,
    callers,
    forwarding,
    isAdmin: ({ headers }) => config.adminToken !== undefined && guard(headers.authorization) === undefined,
    cancel: (request) =>
      cancelRequest({ redis, keys, store: requests, queues, callbacks, keepMs: config.resultTtlMs }, request),
  });
  const letters = new DeadLetterStore(redis, keys, log);
  await app.register(deadLetterRoutes, {
    letters,
    guard,
    redaction: config.redaction,
    redrive: (letter, given) =>
      redrive(
        {
          dispatcher,
          capacity,
          letters,
          store: requests,
          claims,
          queues,
          isServed: (replica) => watcher.isServed(replica),
          trusted: config.trustedProxies,
          ownerOf,
          checkCallbacks: (urls) => callbacks.check(urls),
          asyncTimeoutMs: config.asyncTimeoutMs,
          keepMs: config.resultTtlMs,
        },
        letter,
        given,
      ),
  });
  await app.register(callbackSecretRoutes, { config, guard, log });
  await app.register(healthRoutes, { watcher, redis, keys, inbox });
  await app.register(ringRoutes, { store, watcher, redis, keys, guard, parameters: config.ring, log });
  await app.register(metricsRoutes, { metrics });
  return { app, connections, watches };
}

/** Answers what could not be parsed as HTTP. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  switch (error.code) {
    case 'ECONNRESET':
      socket.destroy();
      break;
    case 'HPE_HEADER_OVERFLOW':
      writeProblemTo(socket, 'header_too_large', `The head has more than ${headLimitBytes} bytes.`);
      break;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      writeProblemTo(socket, 'request_timeout', 'The request did not come in time.');
      break;
    default:
      writeProblemTo(socket, 'request_malformed', `The request is not valid HTTP: ${error.message}`);
  }
}

/** Not asked as an object's property: V8 would look each path up among all strings first. */
const ownPaths: readonly string[] = Object.keys(adminPaths);

/** Sends all but the gateway's own paths to the one route that dispatches. */
function routeOf(request: { readonly url?: string | undefined }): string {
  const url = originForm(request.url ?? '/');
  if (url.startsWith('/-/')) return url;
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  return ownPaths.includes(path) ? url : dispatchRoute;
}

/** HTTP/2 over cleartext is an offer that a server may pass over (RFC 9113 3.1); other upgrades are asked for. */
function asksForUpgrade(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() !== 'h2c';
}

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 503) reply.header('retry-after', retryAfterSeconds);
  return reply
    .code(problem.status)
    .type(problemType)
    .send(Buffer.from(JSON.stringify(problem.details)));
}
