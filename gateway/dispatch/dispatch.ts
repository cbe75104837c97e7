import { startStop } from '#shared/process/lifecycle.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { GatewayNotices } from '#shared/store/ring/gateway-notices.ts';
import { LeaseReader } from '#shared/store/lease/lease-reader.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { QueueLoads } from '#shared/store/queue/queue-loads.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { RedisOutage } from '#shared/store/redis/redis-outage.ts';
import { SignalChannel } from '#shared/store/streams/signal-channel.ts';
import type { Telemetry } from '#shared/trace/telemetry.ts';
import type { Callbacks } from '../callbacks/callbacks.ts';
import type { Callers } from '../caller/callers.ts';
import { KeyRateLimit } from '../limits/key-rate-limit.ts';
import { Loads } from '../load/loads.ts';
import { Placement } from '../load/placement.ts';
import type { HeldBytes } from '../request/held-bytes.ts';
import type { Agreement } from '../ring/agreement.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import type { GatewayConfig } from '../settings/config.ts';
import { LostStreams } from '../streams/lost-streams.ts';
import { OpenStreams } from '../streams/open-streams.ts';
import { SignalSender } from '../streams/signal-sender.ts';
import type { StreamMemory } from '../streams/stream-memory.ts';
import { StreamPresence } from '../streams/stream-presence.ts';
import { AsyncRequests } from './async-requests.ts';
import { Cancellations } from './cancellations.ts';
import { Capacity } from './capacity.ts';
import { Dispatcher } from './dispatcher.ts';
import { Enqueuer } from './enqueuer.ts';
import { EventDemand } from './event-demand.ts';
import { followRing } from './follow-ring.ts';
import { answerGarbledJobs } from './garbled-jobs.ts';
import { LostRequests } from './lost-requests.ts';
import { QueueCounts } from './queue-counts.ts';
import { ReplyBodies } from './reply-bodies.ts';
import { ReplyInbox } from './reply-inbox.ts';
import { RetryMoves } from './retry-moves.ts';
import { Selection } from './selection.ts';
import { TakeBacks } from './take-backs.ts';
import { Waiters } from './waiters.ts';

export interface DispatchOptions {
  readonly config: Pick<
    GatewayConfig,
    | 'hashKey'
    | 'keyRate'
    | 'keyConcurrency'
    | 'queueLimit'
    | 'replyTimeoutMs'
    | 'resultTtlMs'
    | 'attempts'
    | 'concurrency'
    | 'affinity'
    | 'loadBound'
    | 'outliers'
    | 'queueEvents'
  >;
  /** This gateway's name. */
  readonly gateway: string;
  /** The fail-fast connection for commands. */
  readonly connection: Connection;
  /** A patient connection for subscriptions. */
  readonly subscriber: Connection;
  /** A patient connection on which only the inbox blocks. */
  readonly reader: Connection;
  readonly watcher: RingWatcher;
  readonly notices: GatewayNotices;
  readonly agreement: Agreement;
  readonly callbacks: Callbacks;
  readonly callers: Callers;
  readonly held: HeldBytes;
  readonly streamMemory: StreamMemory;
  readonly telemetry: Telemetry | undefined;
  readonly log: Logger;
}

/** The parts that dispatch requests and receive replies. */
export interface Dispatch extends StartStop {
  readonly dispatcher: Dispatcher;
  readonly queues: JobQueues;
  readonly loads: Loads;
  readonly placement: Placement;
  readonly capacity: Capacity;
  readonly keyRateLimit: KeyRateLimit;
  readonly inbox: ReplyInbox;
  readonly streams: OpenStreams;
}

/** Composes the parts that dispatch requests and receive replies. */
export function createDispatch(options: DispatchOptions): Dispatch {
  const { config, gateway, connection, subscriber, reader, watcher, notices, agreement } = options;
  const { callbacks, callers, held, streamMemory, telemetry, log } = options;
  const { queueLimit, replyTimeoutMs, resultTtlMs: keepMs, concurrency } = config;
  const { affinity, loadBound: bound } = config;
  const clock = clockOf(connection);
  const now = (): number => clock.now();

  const counts = new QueueCounts();
  const queues = new JobQueues(connection, log, (replica, word, added) =>
    counts.of(replica).tell(word, performance.now(), added),
  );
  const queueLoads = new QueueLoads(connection, log);
  const loads = new Loads({ counts, watcher, queues: queueLoads, concurrency, queueLimit, log });
  const placement = new Placement({ watcher, loads, affinity, bound });
  const waiters = new Waiters(counts, held);
  const capacity = new Capacity({ connection, waiters, counts, loads, queueLimit, held, log });
  const takeBacks = new TakeBacks(queues, new Cancellations(connection, log), now, log);
  const channel = new SignalChannel(connection);
  const signals = new SignalSender({
    announce: (replica, some) => channel.announce(replica, some),
    log,
  });
  const streams = new OpenStreams(signals, new StreamPresence(gateway, signals), streamMemory);
  const outage = new RedisOutage(connection);
  const keyRateLimit = new KeyRateLimit({ connection, outage, rate: config.keyRate, log });
  const { keyConcurrency } = config;
  const selection = new Selection({ watcher, placement, capacity, agreement, keyConcurrency });
  const dispatcher: Dispatcher = new Dispatcher({
    gateway,
    waiters,
    streams,
    selection,
    enqueuer: new Enqueuer({ queues, waiters, takeBacks, outage, watcher, replyTimeoutMs, log }),
    bodies: new ReplyBodies(connection, held, log),
    takeBacks,
    asyncRequests: new AsyncRequests({
      connection,
      queues,
      outage,
      callbacks,
      callers,
      replicaCount: () => watcher.ring.members.length,
      keepMs,
      log,
    }),
    telemetry,
    now,
    at: (time) => clock.at(time),
    replyTimeoutMs,
    maxAttempts: config.attempts,
    detectsOutliers: config.outliers !== undefined,
  });
  const inbox = new ReplyInbox({
    reader,
    waker: connection,
    gateway,
    onFrame: (replica, frame) => dispatcher.receive(replica, frame),
    hasStreams: () => streams.size > 0,
    log,
  });
  const lostRequests = new LostRequests({
    connection,
    reader,
    waiters,
    queues,
    inbox,
    takeBacks,
    watcher,
    dispatcher,
    log,
  });
  const moving = { subscriber, queues, waiters, selection, loads, counts, dispatcher, takeBacks, now, log };
  const retryMoves = new RetryMoves(moving);
  reader.onReady(() => dispatcher.askForLostFrames());
  const leases = new LeaseReader(connection);
  const lostStreams = new LostStreams({ streams, queues, leases, inbox, log });
  answerGarbledJobs(notices, waiters, dispatcher);
  const events = new EventDemand({ connection, mode: config.queueEvents, log });
  followRing(watcher, { waiters, streams, inbox, queues, events, lostRequests, log });

  const life = startStop(
    async () => {
      await events.start();
      await inbox.start();
      await capacity.start();
      await lostRequests.start();
      await lostStreams.start();
      await retryMoves.start();
    },
    async () => {
      await retryMoves.stop();
      await events.stop();
      await capacity.stop();
      await lostRequests.stop();
      await lostStreams.stop();
      await queues.close();
      await inbox.stop();
    },
  );
  return {
    dispatcher,
    queues,
    loads,
    placement,
    capacity,
    keyRateLimit,
    inbox,
    streams,
    start: () => life.start(),
    stop: () => life.stop(),
  };
}
