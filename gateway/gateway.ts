import type { FastifyInstance } from 'fastify';
import { startStop } from '#shared/process/lifecycle.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { GatewayNotices } from '#shared/store/ring/gateway-notices.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { ConnectionUse } from '#shared/store/redis/open-redis.ts';
import { warnOfSkew } from '#shared/store/redis/clock-warning.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { openTrace } from '#shared/store/trace/open-trace.ts';
import { loadTelemetry } from '#shared/trace/telemetry.ts';
import { RingStore } from '#shared/store/ring/ring-store.ts';
import { AccessLog } from './access-log/access-log.ts';
import { stdoutOutput } from './access-log/output.ts';
import { buildApp } from './app.ts';
import { CallbackMacs } from './callbacks/callback-macs.ts';
import { Callbacks } from './callbacks/callbacks.ts';
import { givenSecret, SharedSecret } from './caller/caller-secret.ts';
import { Callers } from './caller/callers.ts';
import { createDispatch } from './dispatch/dispatch.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import { Departure } from './http/departure.ts';
import { EndedRequests } from './http/ended-requests.ts';
import { pendingWork } from './http/pending-work.ts';
import type { PendingWork } from './http/pending-work.ts';
import { HeldBytes } from './request/held-bytes.ts';
import { Agreement, agreedSettings } from './ring/agreement.ts';
import { seedReplicas } from './ring/replica-changes.ts';
import { ProcessReports } from './ring/process-reports.ts';
import { RingWatcher } from './ring/ring-watcher.ts';
import type { GatewayConfig } from './settings/config.ts';
import { toldTrace } from './trace/told-trace.ts';
import { StreamMemory } from './streams/stream-memory.ts';

/** A running gateway: its HTTP side and all that it holds open for it. */
export interface Gateway {
  readonly app: FastifyInstance;
  /** Where the admin side is, e.g. `http://127.0.0.1:5000`; known once it listens. */
  readonly adminUrl: string;
  readonly dispatcher: Dispatcher;
  readonly watcher: RingWatcher;
  readonly endedRequests: EndedRequests;
  /** What a stop waits for. */
  pending(): PendingWork;
  readonly departure: Departure;
  /** Watches the ring, reads replies, listens. @throws if the port is taken or the ring is another one. */
  start(): Promise<void>;
  /** Stops accepting, finishes what is in flight, closes. */
  stop(): Promise<void>;
}

/** Opens a connection of this gateway's. */
type Open = (what: string, use: ConnectionUse) => Connection;

/**
 * Composes a gateway.
 * @param name to which replicas address their replies; unique among all gateways that share the Redis.
 */
export async function createGateway(
  config: GatewayConfig,
  redisUrl: string,
  name: string,
  log: Logger,
): Promise<Gateway> {
  const opened: Connection[] = [];
  const trace = openTrace(config.protocolTrace, 'gateway', name);
  const open: Open = (what, use) => {
    const { namespace } = config;
    const options = { url: redisUrl, namespace, name: `gateway:${name}:${what}`, use, trace };
    const connection = openConnection(options, log);
    opened.push(connection);
    return connection;
  };
  const connection = open('commands', 'failFast');
  const changes = open('changes', 'patient');
  const reader = open('inbox', 'patient');

  const clock = clockOf(connection);
  warnOfSkew(clock, log);
  const callerSecret =
    config.callerSecret === undefined ? new SharedSecret(connection, log) : givenSecret(config.callerSecret);
  const callers = new Callers(config.callerKey, callerSecret, config.trustedProxies);
  const store = new RingStore(connection, log);
  const notices = new GatewayNotices(changes);
  const watcher = new RingWatcher({
    store,
    notices,
    connection,
    parameters: config.ring,
    alsoConfirm: () => callerSecret.confirm(),
    log,
  });
  const agreement = new Agreement({ store, watcher, ours: agreedSettings(config), log });
  const telemetry = await loadTelemetry(log);
  const held = new HeldBytes(config.bytesInFlight);
  const streamMemory = new StreamMemory(held);
  const { callbacks, sending } = await createCallbacks(config, open, connection, log);
  const dispatch = createDispatch({
    config,
    gateway: name,
    connection,
    subscriber: changes,
    reader,
    watcher,
    notices,
    agreement,
    callbacks,
    callers,
    held,
    streamMemory,
    telemetry,
    log,
  });
  const {
    dispatcher,
    queues,
    loads,
    placement,
    capacity,
    keyRateLimit,
    inbox,
    streams: openStreams,
  } = dispatch;
  const departure = new Departure(config.shutdownDelayMs);
  const endedRequests = new EndedRequests(() => clock.now());
  const accessLog =
    config.accessLog &&
    new AccessLog({ ...config.accessLog, redaction: config.redaction, output: stdoutOutput(), log });
  if (accessLog !== undefined) endedRequests.add(accessLog);
  if (trace !== undefined) endedRequests.add(toldTrace(trace));
  const { app, adminApp, connections, watches, times } = await buildApp({
    config,
    gateway: name,
    store,
    watcher,
    agreement,
    dispatcher,
    capacity,
    loads,
    placement,
    keyRateLimit,
    queues,
    callbacks,
    callers,
    changes,
    connection,
    inbox,
    held,
    streamMemory,
    openStreams,
    telemetry,
    accessLog,
    endedRequests,
    departure,
    log,
  });

  const reports = new ProcessReports({
    connection,
    name,
    role: config.role === 'all' ? 'both' : 'gateway',
    figures: () => ({
      address: app.listeningOrigin,
      inFlight: dispatcher.waitingCount,
      heldBytes: held.size,
      counts: times.countsOf((replica) => watcher.isServed(replica)),
      sum: times.sum,
    }),
    log,
  });

  const life = startStop(
    async () => {
      await connection.whenReady();
      await clock.measure();
      await store.claimParameters(config.ring);
      await agreement.claim(config.allowSettingsChange);
      await callerSecret.confirm();
      // Before the first `/add` can arrive. Without its own controller a gateway leaves this to others.
      if (config.role === 'all') await seedReplicas(store, config.ring, config.replicas);
      await watcher.start();
      await dispatch.start();
      await sending?.start();
      await listen(adminApp, config.admin.host, config.admin.port);
      await listen(app, config.host, config.port);
      await reports.start();
    },
    async () => {
      if (app.server.listening) await departure.begin(connections);
      await reports.stop();
      await Promise.all([app.close(), adminApp?.close()]);
      await watcher.stop();
      await sending?.stop();
      await callbacks.close();
      await dispatch.stop();
      await accessLog?.stop();
    },
  );
  return {
    app,
    get adminUrl() {
      return (adminApp ?? app).listeningOrigin;
    },
    dispatcher,
    watcher,
    endedRequests,
    departure,
    pending: () =>
      pendingWork(
        connections.flatMap((each) => [...each]),
        [...dispatcher.waiting, ...watches.held],
      ),
    start: () => life.start(),
    stop: async () => {
      await life.stop();
      await telemetry?.flush();
      for (const each of opened) each.close();
      trace?.close();
    },
  };
}

/**
 * Composes what accepts callbacks, and what sends them: nothing does if there is no secret to sign them with.
 */
async function createCallbacks(
  config: GatewayConfig,
  open: Open,
  connection: Connection,
  log: Logger,
): Promise<{ readonly callbacks: Callbacks; readonly sending: StartStop | undefined }> {
  const { namespace, resultTtlMs: keepMs, callbackSecrets: secrets, redaction } = config;
  const macs = new CallbackMacs(secrets, namespace);
  if (secrets.length === 0) {
    const callbacks = new Callbacks({ connection, targets: undefined, macs, redaction, log });
    return { callbacks, sending: undefined };
  }
  // They load undici, which is large.
  const { CallbackDeliveries } = await import('./callbacks/callback-deliveries.ts');
  const { CallbackTargets } = await import('./callbacks/targets.ts');
  const targets = new CallbackTargets(config.callbackAllow);
  const callbacks = new Callbacks({ connection, targets, macs, redaction, log });
  const sender = open('callbacks', 'patient');
  const parts = { connection: sender, targets, secrets, macs, redaction, keepMs, log };
  const deliveries = new CallbackDeliveries(parts);
  const sending = startStop(
    () => deliveries.start(),
    async () => {
      await deliveries.stop();
      await targets.close();
    },
  );
  return { callbacks, sending };
}

async function listen(app: FastifyInstance | undefined, host: string, port = 0): Promise<void> {
  // For the name `localhost` Fastify would open a second server that nothing else knows of.
  await app?.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port });
}
