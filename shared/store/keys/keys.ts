import { replicaOf } from '../../contract/request-id.ts';
import { addStandardJob, moveToFinished } from './bullmq-keys.ts';
import { createRingKeys } from './ring-keys.ts';
import type { RingKeys } from './ring-keys.ts';

/**
 * All Redis keys and channels of ringpost are made here.
 *
 * All keys start with the namespace. The keys of a replica have the tag `{name}` of its queue, and the keys
 * of the ring `{ring}`. On a Redis Cluster the namespace itself is in braces: the first braces of a key are
 * its hash tag, so all keys are in one slot.
 */
export interface Keys extends RingKeys {
  /** BullMQ's `prefix`. */
  readonly prefix: string;
  /** Hash: name -> number, for each kind of event that is counted for all processes together. */
  readonly counts: string;
  /** Sorted set with a TTL: `<replica>#<generation>` of each worker that has announced itself, by time. */
  readonly announcements: string;
  /** Sorted set with a TTL: the same of workers that leave for good, by the time of their SIGTERM. */
  readonly departures: string;
  /** The name of a replica's BullMQ queue. */
  queue(replica: string): string;
  /** The prefix of a replica's keys, BullMQ's keys included. */
  replica(replica: string): string;
  /** BullMQ's lists and sorted sets of a replica's jobs that are not finished. */
  unfinished(replica: string): { wait: string; active: string; prioritized: string; delayed: string };
  /** Hash: BullMQ's data of a job that is not finished. */
  job(replica: string, request: string): string;
  /** String with a TTL: BullMQ's lock of a job, which says which worker runs it. */
  jobLock(replica: string, request: string): string;
  /** Sorted set: BullMQ's workers block on it and are woken through it. */
  marker(replica: string): string;
  /** Any key that BullMQ has for a queue besides its jobs, by the last part of its name. */
  bullMq(queue: string, part: string): string;
  /** The keys of a queue that BullMQ uses besides those of jobs. */
  queueState(replica: string): readonly [string, string, string, string];
  /** The keys that BullMQ's `addStandardJob` takes, in its order. */
  addStandardJob(replica: string): readonly string[];
  /**
   * The keys that BullMQ's `moveToFinished` takes for a completed job, in its order, without the job's own
   * key.
   */
  moveToFinished(replica: string): readonly string[];
  /** String with a TTL: the running worker of a replica, as JSON. */
  lease(replica: string): string;
  /** String with a TTL: the generation whose worker has certainly ended, as its controller says. */
  ended(replica: string): string;
  /** String with a TTL: the generation of a worker that has started and waits for the lease. */
  standby(replica: string): string;
  /** Integer: the last generation of a replica that was given to a worker. */
  generation(replica: string): string;
  /**
   * Integer: the newest generation of a replica that has held its lease. A worker of an older one must end.
   */
  currentGeneration(replica: string): string;
  /** Integer: raised each time the lease is taken. Writes of workers with a lower fence are refused. */
  leaseFence(replica: string): string;
  /**
   * String: the registration of the consumer of a replica's queue: `<fence> <maximum of held jobs> <TTL of
   * the locks in ms> <token of the locks>`. If it has a free slot, jobs are delivered directly to the list
   * `deliveries:<fence>`. While the replica sleeps: `asleep`, or `waking` once a job was added, followed by
   * the generation of its last worker, the time in ms since the epoch, and the channel of changes.
   */
  consumer(replica: string): string;
  /**
   * String with a short TTL: the fence of the consumer of a replica's queue, if it notes the ids of the
   * requests that it begins. Each tick writes it. Requests that must not run twice are delivered directly
   * only while it is there.
   */
  noting(replica: string): string;
  /**
   * String with a TTL: somebody reads BullMQ's events of the queue, so the scripts write them.
   */
  eventReaders(replica: string): string;
  /** String with a TTL: a gateway has looked for readers of events, and the others need not. */
  readonly eventReadersSought: string;
  /** List: jobs that were delivered directly and not read yet, each as its id, a newline and its data. */
  deliveries(replica: string, fence: number): string;
  /**
   * Set: ids of the requests that were running when a worker of the replica died, and that may run again.
   * Only the replica's own worker runs them; while it does, they are in BullMQ's active list too.
   */
  suspects(replica: string): string;
  /** String with a TTL: the generation that ringpost or a shutdown ended. Its requests did not kill it. */
  pardoned(replica: string): string;
  /** Hash with a TTL: the last crash of a replica's worker, as a `CrashNote`. */
  crash(replica: string): string;
  /**
   * Where garbled data is moved from a key, in the same slot of a Redis Cluster. `index` is a sorted set of
   * the names of these keys by time; `entry` makes the name of the next one. All of them expire.
   * @param unique a text that is used only once.
   */
  aside(key: string): { readonly index: string; entry(unique: string): string };
  /** List with a TTL: replies from a replica to a gateway. */
  inbox(replica: string, gateway: string): string;
  /** List with a TTL: wakes the reader of a gateway's inboxes. */
  wake(gateway: string): string;
  /** String with a TTL: the body of a request, if it is too large for the job. */
  requestBody(replica: string, request: string): string;
  /**
   * Hash with a TTL: the record of an async request. Like all that is kept of a request, it belongs to the
   * replica that the id names; `replica` counts only for an id that names none.
   */
  request(replica: string, request: string): string;
  /**
   * Sorted sets with a TTL: the requests of a replica that have records, by time, by hash key, and by the
   * state of the callback, as `accept-request.lua` describes them.
   */
  requestIndexes(replica: string): { byTime: string; byKey: string; callbacks: string };
  /** Sorted set: names of replicas that may have such indexes, by the time in ms at which these expire. */
  readonly indexedReplicas: string;
  /** String with a TTL: the frame of an async request's answer. */
  keptReply(replica: string, request: string): string;
  /** String with a TTL: the request that has an idempotency key, its fingerprint, and its caller. */
  idempotency(scope: string): string;
  /** String: the secret for the digests of callers, if `CALLER_SECRET` is not set. */
  readonly callerSecret: string;
  /** String with a TTL: a session of the dashboard, under the digest of its id. For gateways only. */
  dashboardSession(digest: string): string;
  /** Channel: a gateway that starts and finds no secret asks the running gateways for theirs. */
  readonly callerSecretSought: string;
  /**
   * Sorted set with a TTL: a line, which has requests of one hash key by the time in microseconds at which
   * they joined it; 4e15 less for those that run.
   */
  line(line: string): string;
  /** Hash with a TTL: request in the line -> replica, if its job is not in the queue that its id names. */
  lineMoves(line: string): string;
  /**
   * String with a TTL: when the next request of a hash key would come if all of them kept their distance, in
   * microseconds since the epoch.
   * @param own the limit of the requests that ask for it, as `rateText` writes it; undefined: that of all.
   */
  keyRate(digest: string, own?: string): string;
  /** Channel: a message for each change of a request's record. */
  requestChanges(request: string): string;
  /**
   * String with a TTL: the replica whose queue has the job of a request that has no record, if the job was
   * moved from the queue that the id names.
   */
  movedJob(request: string): string;
  /** Channel: ids of requests that are cancelled while they run. */
  readonly cancellations: string;
  /** The name of the BullMQ queue of callbacks. No replica's name begins with its first character. */
  readonly callbacks: string;
  /** Sorted set with a TTL: ids of the callbacks that wait for a free slot of their receiver, by time. */
  parkedCallbacks(receiver: string): string;
  /** Sorted set with a TTL: ids of the requests that are dead letters, by the time they ended. */
  readonly deadLetters: string;
  /** Hash with a TTL: a dead letter. */
  deadLetter(request: string): string;
  /** String with a TTL: the body of a reply, if it is too large for its frame. */
  replyBody(replica: string, request: string): string;
  /** String with a TTL: a large answer while the worker with this fence writes it in pieces. */
  replyDraft(replica: string, request: string, fence: number): string;
  /** Set: ids of the requests whose answers are streams, from the head to the end. No list has their jobs. */
  streams(replica: string): string;
  /** Channel: what gateways tell the worker that serves the queue, as `encodeSignals` writes it. */
  signals(replica: string): string;
  /**
   * Stream with a TTL: the bytes of a kept stream. The id of an entry is the offset behind its last byte.
   * @param fence that of the lease under which it is written.
   */
  keptStream(replica: string, request: string, fence: number): string;
  /** The same, up to the fence. */
  keptStreamPrefix(replica: string, request: string): string;
  /** Channel: a message for each append to a kept stream. */
  bytesChannel(replica: string, request: string): string;
}

/**
 * @returns the tag of a key that says whose it is, with its braces; '' if it has none. On a Cluster the
 * prefix has braces as well.
 */
export function tagOf(key: string): string {
  return tagged.exec(key)?.groups?.['tag'] ?? '';
}

const tagged = /^(?:\{[^}]+\}:|(?!\{))[^{]*(?<tag>\{[^}]+\}):?/;

/**
 * @param namespace the prefix of all keys. Systems with different namespaces can share a Redis. On a Cluster
 * it is in braces, which makes it the hash tag: all keys are in one slot then.
 */
export function createKeys(namespace: string): Keys {
  const replicaPrefix = (replica: string): string => `${namespace}:{${replica}}`;
  // A job may be moved to another queue. What is kept of its request stays with the replica in its id.
  const homePrefix = (replica: string, request: string): string =>
    replicaPrefix(replicaOf(request) ?? replica);
  const queueKeys = (replica: string, names: readonly string[]): string[] =>
    names.map((name) => `${replicaPrefix(replica)}:${name}`);
  return {
    prefix: namespace,
    ...createRingKeys(namespace),
    counts: `${namespace}:{+counts}`,
    announcements: `${namespace}:{+joins}:announcements`,
    departures: `${namespace}:{+joins}:departures`,
    queue: (replica) => `{${replica}}`,
    replica: replicaPrefix,
    unfinished: (replica) => ({
      wait: `${replicaPrefix(replica)}:wait`,
      active: `${replicaPrefix(replica)}:active`,
      prioritized: `${replicaPrefix(replica)}:prioritized`,
      delayed: `${replicaPrefix(replica)}:delayed`,
    }),
    job: (replica, request) => `${replicaPrefix(replica)}:${request}`,
    jobLock: (replica, request) => `${replicaPrefix(replica)}:${request}:lock`,
    marker: (replica) => `${replicaPrefix(replica)}:marker`,
    bullMq: (queue, part) => `${namespace}:${queue}:${part}`,
    queueState: (replica) => [
      `${replicaPrefix(replica)}:meta`,
      `${replicaPrefix(replica)}:events`,
      `${replicaPrefix(replica)}:id`,
      `${replicaPrefix(replica)}:marker`,
    ],
    addStandardJob: (replica) => queueKeys(replica, addStandardJob),
    moveToFinished: (replica) => queueKeys(replica, moveToFinished),
    lease: (replica) => `${replicaPrefix(replica)}:lease`,
    ended: (replica) => `${replicaPrefix(replica)}:ended`,
    standby: (replica) => `${replicaPrefix(replica)}:standby`,
    generation: (replica) => `${replicaPrefix(replica)}:generation`,
    currentGeneration: (replica) => `${replicaPrefix(replica)}:current-generation`,
    leaseFence: (replica) => `${replicaPrefix(replica)}:fence`,
    consumer: (replica) => `${replicaPrefix(replica)}:consumer`,
    noting: (replica) => `${replicaPrefix(replica)}:noting`,
    eventReaders: (replica) => `${replicaPrefix(replica)}:event-readers`,
    eventReadersSought: `${namespace}:{+events}:sought`,
    deliveries: (replica, fence) => `${replicaPrefix(replica)}:deliveries:${fence}`,
    suspects: (replica) => `${replicaPrefix(replica)}:suspects`,
    pardoned: (replica) => `${replicaPrefix(replica)}:pardoned`,
    crash: (replica) => `${replicaPrefix(replica)}:crash`,
    aside: (key) => {
      const [prefix = '', tag = `{${key}}`] = tagged.exec(key) ?? [];
      const index = `${namespace}:${tag}:aside`;
      const rest = prefix === '' ? '' : `${key.slice(prefix.length)}:`;
      return { index, entry: (unique) => `${index}:${rest}${unique}` };
    },
    inbox: (replica, gateway) => `${replicaPrefix(replica)}:inbox:${gateway}`,
    wake: (gateway) => `${namespace}:wake:${gateway}`,
    requestBody: (replica, request) => `${replicaPrefix(replica)}:request-body:${request}`,
    request: (replica, request) => `${homePrefix(replica, request)}:request:${request}`,
    requestIndexes: (replica) => ({
      byTime: `${replicaPrefix(replica)}:requests:by-time`,
      byKey: `${replicaPrefix(replica)}:requests:by-key`,
      callbacks: `${replicaPrefix(replica)}:requests:callbacks`,
    }),
    indexedReplicas: `${namespace}:replicas:indexed`,
    keptReply: (replica, request) => `${homePrefix(replica, request)}:kept-reply:${request}`,
    idempotency: (scope) => `${namespace}:idempotency:${scope}`,
    callerSecret: `${namespace}:caller-secret`,
    dashboardSession: (digest) => `${namespace}:dashboard-session:${digest}`,
    callerSecretSought: `${namespace}:caller-secret-sought`,
    line: (line) => `${namespace}:line:{${line}}`,
    lineMoves: (line) => `${namespace}:line:{${line}}:moves`,
    keyRate: (digest, own) => `${namespace}:key-rate:{${digest}}${own === undefined ? '' : `:${own}`}`,
    requestChanges: (request) => `${namespace}:request-changes:${request}`,
    movedJob: (request) => `${homePrefix('', request)}:moved:${request}`,
    cancellations: `${namespace}:cancellations`,
    callbacks: '{+callbacks}',
    parkedCallbacks: (receiver) => `${namespace}:{+callbacks}:parked:${receiver}`,
    deadLetters: `${namespace}:{+dead-letters}:index`,
    deadLetter: (request) => `${namespace}:{+dead-letters}:letter:${request}`,
    replyBody: (replica, request) => `${replicaPrefix(replica)}:reply-body:${request}`,
    replyDraft: (replica, request, fence) => `${replicaPrefix(replica)}:reply-draft:${request}:${fence}`,
    streams: (replica) => `${replicaPrefix(replica)}:streams`,
    signals: (replica) => `${replicaPrefix(replica)}:signals`,
    keptStreamPrefix: (replica, request) => `${homePrefix(replica, request)}:kept:${request}:`,
    keptStream: (replica, request, fence) => `${homePrefix(replica, request)}:kept:${request}:${fence}`,
    bytesChannel: (replica, request) => `${homePrefix(replica, request)}:bytes:${request}`,
  };
}
