import type { FastifyInstance } from 'fastify';
import { jobInWord } from '#shared/store/repair/aside.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { keysOf, redisOf } from '#shared/store/redis/access.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { ConnectionUse } from '#shared/store/redis/open-redis.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { warnOfSkew } from '#shared/store/redis/clock-warning.ts';
import { RingStore } from '#shared/store/ring-store.ts';
import { Agreement, agreedSettings } from './ring/agreement.ts';
import { buildApp } from './app.ts';
import type { GatewayConfig } from './settings/config.ts';
import { CallbackMacs } from './callbacks/callback-macs.ts';
import { CallbackDeliveries } from './callbacks/callback-deliveries.ts';
import { Callbacks } from './callbacks/callbacks.ts';
import { CallbackTargets } from './callbacks/targets.ts';
import { givenSecret, SharedSecret } from './caller/caller-secret.ts';
import { Callers } from './caller/callers.ts';
import { Cancellations } from './dispatch/cancellations.ts';
import { Capacity } from './dispatch/capacity.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { HandOvers } from './dispatch/hand-overs.ts';
import { HeldBytes } from './request/held-bytes.ts';
import { JobQueues } from './dispatch/job-queues.ts';
import { LostRequests } from './dispatch/lost-requests.ts';
import { RedisGap } from './dispatch/redis-gap.ts';
import { ReplyBodies } from './dispatch/reply-bodies.ts';
import { ReplyInbox } from './dispatch/reply-inbox.ts';
import { Selection } from './dispatch/selection.ts';
import { TakeBacks } from './dispatch/take-backs.ts';
import { Waiters } from './dispatch/waiters.ts';
import { QueueCounts } from './dispatch/queue-counts.ts';
import { heldBy } from './http/held.ts';
import type { Held } from './http/held.ts';
import { seedReplicas } from './ring/replica-changes.ts';
import { RingWatcher } from './ring/ring-watcher.ts';

/** A running gateway: its HTTP side and all that it holds open for it. */
export interface Gateway {
  readonly app: FastifyInstance;
  /** Where the admin side is, e.g. `http://127.0.0.1:5000`; known once it listens. */
  readonly adminUrl: string;
  readonly dispatcher: Dispatcher;
  readonly watcher: RingWatcher;
  /** What a stop waits for. */
  held(): Held;
  /** Watches the ring, reads replies, listens. @throws when the port is taken or the ring is another one. */
  start(): Promise<void>;
  /** Stops accepting, finishes what is in flight, closes. */
  stop(): Promise<void>;
}

const garbledDetail =
  'The job of the request could not be read any more; it is not known whether it was done.';

/**
 * Puts a gateway together.
 * @param name this gateway's own, by which replicas address their replies; unique among all that share the Redis.
 */
export async function createGateway(
  config: GatewayConfig,
  redisUrl: string,
  name: string,
  log: Logger,
): Promise<Gateway> {
  const { namespace } = config;
  const open = (what: string, use: ConnectionUse): Connection =>
    openConnection({ url: redisUrl, namespace, name: `gateway:${name}:${what}`, use }, log);
  const connection = open('commands', 'failFast');
  const changes = open('changes', 'patient');
  const inboxReader = open('inbox', 'patient');
  const [redis, keys] = [redisOf(connection), keysOf(connection)];
  const [subscriber, reader] = [redisOf(changes), redisOf(inboxReader)];

  const clock = clockOf(redis);
  warnOfSkew(clock, log);
  const store = new RingStore(connection, log);
  const callerSecret =
    config.callerSecret === undefined ? new SharedSecret(redis, keys, log) : givenSecret(config.callerSecret);
  const callers = new Callers(config.callerKey, callerSecret, config.trustedProxies);
  const alsoConfirm = (): Promise<void> => callerSecret.confirm();
  const watcher = new RingWatcher({ store, keys, parameters: config.ring, subscriber, alsoConfirm, log });
  const agreement = new Agreement({ store, watcher, ours: agreedSettings(config), log });
  const queues = new JobQueues(redis, keys, log);
  const counts = new QueueCounts();
  const held = new HeldBytes(config.bytesInFlight);
  const waiters = new Waiters(counts, held);
  const { queueLimit } = config;
  const { callbackSecrets: secrets, callbackAllow, redaction } = config;
  const targets = secrets.length === 0 ? undefined : new CallbackTargets(callbackAllow);
  const macs = new CallbackMacs(secrets, config.namespace);
  const callbacks = new Callbacks({ redis, keys, targets, macs, redaction, log });
  const capacity = new Capacity({ redis, keys, waiters, counts, queueLimit, held, log });
  const takeBacks = new TakeBacks(queues, new Cancellations(redis, keys, log), clock, log);
  const gap = new RedisGap(redis);
  const { resultTtlMs: keepMs } = config;
  const dispatcher: Dispatcher = new Dispatcher({
    waiters,
    selection: new Selection({ watcher, capacity, hashKey: config.hashKey, agreement }),
    gateway: name,
    watcher,
    queues,
    bodies: new ReplyBodies(redis, keys, held, log),
    takeBacks,
    handOvers: new HandOvers({ redis, keys, queues, gap, callbacks, callers, keepMs, log }),
    gap,
    now: () => clock.now(),
    log,
    replyTimeoutMs: config.replyTimeoutMs,
    attempts: config.attempts,
  });
  const inbox = new ReplyInbox({
    reader,
    waker: redis,
    keys,
    gateway: name,
    log,
    onReply: (replica, reply) => dispatcher.receive(replica, reply),
  });
  const lostRequests = new LostRequests({
    waiters,
    queues,
    inbox,
    takeBacks,
    isServed: (replica) => watcher.isServed(replica),
    isAlive: async (replica) => (await redis.exists(keys.lease(replica))) === 1,
    onLost: (waiter) => dispatcher.lost(waiter),
    onStranded: (waiter) => dispatcher.stranded(waiter),
    log,
  });
  subscriber.on('message', (channel: string, message: string) => {
    if (channel === keys.callerSecretSought) watcher.wake();
    const id = channel === keys.changes ? jobInWord(message) : undefined;
    const waiter = id === undefined ? undefined : waiters.get(id);
    if (waiter === undefined) return;
    const { status, headers, body } = problemReply('outcome_unknown', garbledDetail);
    dispatcher.receive(waiter.replica, { id: waiter.id, status, headers, body });
  });
  redis.on('ready', () => {
    watcher.wake();
    lostRequests.look();
  });
  // A reply may have been on a connection that broke.
  reader.on('ready', () => lostRequests.look());
  let { losses } = watcher;
  watcher.onChange(() => {
    const { ring, state } = watcher;
    // A replica that is on its way is listened to before the ring sends it anything.
    const known = new Set([...ring.members, ...state.desired].map((member) => member.name));
    for (const replica of waiters.replicas) known.add(replica);
    inbox.listenTo(known);
    queues.keepOnly(known).catch((error: unknown) => log.debug({ err: error }, 'a queue was not closed'));
    lostRequests.look();
    if (watcher.losses === losses) return;
    losses = watcher.losses;
    store
      .claimParameters(config.ring)
      .catch((error: unknown) => log.error({ err: error }, 'the ring is not ours any more'));
  });
  const callbackSender = targets === undefined ? undefined : open('callbacks', 'patient');
  const sender = callbackSender && redisOf(callbackSender);
  const deliveries =
    targets === undefined || sender === undefined
      ? undefined
      : new CallbackDeliveries({ redis: sender, keys, targets, secrets, macs, redaction, keepMs, log });
  const { app, adminApp, connections, watches } = await buildApp({
    config,
    store,
    watcher,
    agreement,
    dispatcher,
    capacity,
    queues,
    callbacks,
    callers,
    connection,
    changes,
    redis,
    subscriber,
    keys,
    inbox,
    held,
    log,
  });

  const life = startStop(
    async () => {
      await connection.whenReady();
      await clock.measure();
      await store.claimParameters(config.ring);
      await agreement.claim(config.allowSettingsChange);
      await callerSecret.confirm();
      await subscriber.subscribe(keys.callerSecretSought);
      // Before the first `/add` can come in; without a controller of its own a gateway leaves it to theirs.
      if (config.role === 'all') await seedReplicas(store, config.ring, config.replicas);
      await watcher.start();
      await inbox.start();
      await capacity.start();
      await lostRequests.start();
      await deliveries?.start();
      const { host: adminHost, port: adminPort = 0 } = config.admin;
      await adminApp?.listen({ host: addressOf(adminHost), port: adminPort });
      await app.listen({ host: addressOf(config.host), port: config.port });
    },
    async () => {
      await Promise.all([app.close(), adminApp?.close()]);
      await watcher.stop();
      await capacity.stop();
      await lostRequests.stop();
      await deliveries?.stop();
      await targets?.close();
      await Promise.all([queues.close(), callbacks.close()]);
      await inbox.stop();
    },
  );
  return {
    app,
    get adminUrl() {
      return (adminApp ?? app).listeningOrigin;
    },
    dispatcher,
    watcher,
    held: () =>
      heldBy(
        connections.flatMap((each) => [...each]),
        [...dispatcher.waiting, ...watches.held],
      ),
    start: () => life.start(),
    stop: async () => {
      await life.stop();
      for (const each of [connection, changes, inboxReader, callbackSender]) each?.close();
    },
  };
}

/** For this name alone Fastify would open a second server, which nothing here knows of. */
function addressOf(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host;
}
