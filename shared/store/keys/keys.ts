/**
 * Every Redis key and channel of ringpost is made here.
 *
 * All keys start with the namespace. Keys of one replica share its hash tag `{name}` with its queue, and what
 * belongs to the ring shares `{ring}`, so that each Lua script stays within one slot of a Redis Cluster.
 */
export interface Keys {
  /** BullMQ's `prefix`. */
  readonly prefix: string;
  /** String: the random key of the hash by which a controller knows containers of other settings. */
  readonly configKey: string;
  /** String: the ring's parameters as JSON. */
  readonly parameters: string;
  /** Hash: name -> value of each setting that is the same for all gateways. */
  readonly settings: string;
  /** Integer: raised by each change of what is desired or in the ring. */
  readonly version: string;
  /** Integer: the last joining number given. */
  readonly joined: string;
  /** Hash: name -> ring member as JSON; the replicas that there shall be. */
  readonly desired: string;
  /** Hash: name -> generation; the replicas that own keys now. */
  readonly ring: string;
  /** Hash: name -> time of `/rm` in ms since the epoch; replicas that finish what they hold. */
  readonly retired: string;
  /** Hash: name of a retired replica -> name of the replica that has replaced it and alone adopts its queue. */
  readonly heirs: string;
  /** Set: names of replicas whose queues any live worker may adopt. */
  readonly offered: string;
  /** Hash: name -> state as the controller sees it, as JSON. */
  readonly status: string;
  /** String with a TTL: who leads, `<controller>#<fencing token>`. */
  readonly leader: string;
  /** Integer: the last fencing token given. */
  readonly fence: string;
  /** Channel: a word for each change; it only wakes, the state is read from the keys. */
  readonly changes: string;
  /** The name of a replica's BullMQ queue. */
  queue(replica: string): string;
  /** The prefix of a replica's own keys, BullMQ's included. */
  replica(replica: string): string;
  /** What BullMQ keeps of a replica's jobs: lists and sorted sets of the ids of jobs that are not finished. */
  unfinished(replica: string): { wait: string; active: string; prioritized: string; delayed: string };
  /** Hash: BullMQ's own of a job, while it is not finished. */
  job(replica: string, request: string): string;
  /** String with a TTL: BullMQ's lock of a job, which says who runs it. */
  jobLock(replica: string, request: string): string;
  /** Sorted set: what BullMQ's workers block on, and are woken up by. */
  marker(replica: string): string;
  /** All keys that BullMQ may keep of a queue beside its jobs, by their last part. */
  bullMq(queue: string, part: string): string;
  /** What BullMQ keeps of a queue beside its jobs. */
  queueState(replica: string): readonly [string, string, string, string];
  /** The keys that BullMQ's `addStandardJob` takes, in its order. */
  addStandardJob(replica: string): readonly string[];
  /** The keys that BullMQ's `moveToFinished` takes for a completed job, in its order; the job's own is left out. */
  moveToFinished(replica: string): readonly string[];
  /** String with a TTL: the running worker of a replica, as JSON. */
  lease(replica: string): string;
  /** String with a TTL: the generation whose worker has ended for certain, as the controller says that ran it. */
  ended(replica: string): string;
  /** String with a TTL: the generation of a worker that is started and waits for the lease to be free. */
  standby(replica: string): string;
  /** Integer: the last generation of a replica that was given to a worker. */
  generation(replica: string): string;
  /** Integer: the newest generation of a replica that has held its lease; an older one has to go. */
  currentGeneration(replica: string): string;
  /** Integer: raised each time the lease is taken; what a worker says that took it before is ignored. */
  leaseFence(replica: string): string;
  /**
   * String: the consumer of a replica's queue, into whose hands jobs go for which it has room: `<fence> <jobs at most>
   * <TTL of the locks in ms> <token of the locks>`. What it was given and has not read yet is in the list
   * `deliveries:<fence>`.
   */
  consumer(replica: string): string;
  /** List: jobs that are in a consumer's hands and that it has not read yet, each its id, a newline and its data. */
  deliveries(replica: string, fence: number): string;
  /**
   * Set: ids of the requests that were running when a worker of the replica died, and that may run again. Only the
   * replica's own worker runs them; while it does, they are in BullMQ's active list too.
   */
  suspects(replica: string): string;
  /** String with a TTL: the generation that ringpost or a shutdown ended; what it was running did not kill it. */
  pardoned(replica: string): string;
  /** Hash with a TTL: the last crash of a replica's worker, as `CrashNote` has it. */
  crash(replica: string): string;
  /**
   * Where garbled data goes that is moved out of a key, in the same slot of a Redis Cluster: `index` is a sorted set of the
   * names of such keys by the time, `entry` makes the name of the next one. Each expires.
   * @param unique a word that no other one has.
   */
  aside(key: string): { readonly index: string; entry(unique: string): string };
  /** List with a TTL: replies from a replica to a gateway. */
  inbox(replica: string, gateway: string): string;
  /** List with a TTL: wakes the reader of a gateway's inboxes. */
  wake(gateway: string): string;
  /** String with a TTL: a request's body that is too large to travel in its job. */
  requestBody(replica: string, request: string): string;
  /** Hash with a TTL: what is kept of a request whose answer can be asked for later. */
  request(replica: string, request: string): string;
  /** String with a TTL: the frame of an answer that can be asked for later. */
  keptReply(replica: string, request: string): string;
  /** String with a TTL: which request has an idempotency key, its fingerprint, and its caller. */
  idempotency(scope: string): string;
  /** String: the secret by which the digests of callers are made, if `CALLER_SECRET` is not set. */
  readonly callerSecret: string;
  /** Channel: a gateway that starts finds no secret, and asks those that run for theirs. */
  readonly callerSecretSought: string;
  /** Sorted set with a TTL: the requests of one hash key that run one at a time, by the time of their acceptance. */
  line(order: string): string;
  /** Channel: a word for each change of a request's record. */
  requestChanges(request: string): string;
  /** Channel: ids of requests that are cancelled while they run. */
  readonly cancellations: string;
  /** The name of the BullMQ queue of callbacks; no replica's name begins so. */
  readonly callbacks: string;
  /** Sorted set with a TTL: ids of the callbacks that are put off until their receiver has a free slot, by time. */
  parkedCallbacks(receiver: string): string;
  /** Sorted set with a TTL: ids of the requests that are dead letters, by the time of their end. */
  readonly deadLetters: string;
  /** Hash with a TTL: a dead letter. */
  deadLetter(request: string): string;
  /** String with a TTL: a reply's body that is too large to travel in its frame. */
  replyBody(replica: string, request: string): string;
  /** String with a TTL: a large answer while the worker that has this fence writes it, piece by piece. */
  replyDraft(replica: string, request: string, fence: number): string;
}

/** The hash tag of the keys of the ring. */
export const ringTag = '{ring}';

/** @returns the hash tag of a key with its braces, or '' if it has none. */
export function hashTagOf(key: string): string {
  return /\{[^}]+\}/.exec(key)?.[0] ?? '';
}

/**
 * @param namespace the prefix of all keys; several systems share a Redis under different ones.
 */
export function createKeys(namespace: string): Keys {
  const ring = `${namespace}:${ringTag}`;
  const own = (replica: string): string => `${namespace}:{${replica}}`;
  const queueKeys = (replica: string, names: readonly string[]): string[] =>
    names.map((name) => `${own(replica)}:${name}`);
  return {
    prefix: namespace,
    configKey: `${ring}:config-key`,
    parameters: `${ring}:parameters`,
    settings: `${ring}:settings`,
    version: `${ring}:version`,
    joined: `${ring}:joined`,
    desired: `${ring}:desired`,
    ring: `${ring}:ring`,
    retired: `${ring}:retired`,
    heirs: `${ring}:heirs`,
    offered: `${ring}:offered`,
    status: `${ring}:status`,
    leader: `${ring}:leader`,
    fence: `${ring}:fence`,
    changes: `${ring}:changes`,
    queue: (replica) => `{${replica}}`,
    replica: own,
    unfinished: (replica) => ({
      wait: `${own(replica)}:wait`,
      active: `${own(replica)}:active`,
      prioritized: `${own(replica)}:prioritized`,
      delayed: `${own(replica)}:delayed`,
    }),
    job: (replica, request) => `${own(replica)}:${request}`,
    jobLock: (replica, request) => `${own(replica)}:${request}:lock`,
    marker: (replica) => `${own(replica)}:marker`,
    bullMq: (queue, part) => `${namespace}:${queue}:${part}`,
    queueState: (replica) => [
      `${own(replica)}:meta`,
      `${own(replica)}:events`,
      `${own(replica)}:id`,
      `${own(replica)}:marker`,
    ],
    addStandardJob: (replica) => queueKeys(replica, addStandardJob),
    moveToFinished: (replica) => queueKeys(replica, moveToFinished),
    lease: (replica) => `${own(replica)}:lease`,
    ended: (replica) => `${own(replica)}:ended`,
    standby: (replica) => `${own(replica)}:standby`,
    generation: (replica) => `${own(replica)}:generation`,
    currentGeneration: (replica) => `${own(replica)}:current-generation`,
    leaseFence: (replica) => `${own(replica)}:fence`,
    consumer: (replica) => `${own(replica)}:consumer`,
    deliveries: (replica, fence) => `${own(replica)}:deliveries:${fence}`,
    suspects: (replica) => `${own(replica)}:suspects`,
    pardoned: (replica) => `${own(replica)}:pardoned`,
    crash: (replica) => `${own(replica)}:crash`,
    aside: (key) => {
      const [prefix = '', tag = key] = /^[^{]*\{([^}]+)\}:?/.exec(key) ?? [];
      const index = `${namespace}:{${tag}}:aside`;
      const rest = prefix === '' ? '' : `${key.slice(prefix.length)}:`;
      return { index, entry: (unique) => `${index}:${rest}${unique}` };
    },
    inbox: (replica, gateway) => `${own(replica)}:inbox:${gateway}`,
    wake: (gateway) => `${namespace}:wake:${gateway}`,
    requestBody: (replica, request) => `${own(replica)}:request-body:${request}`,
    request: (replica, request) => `${own(replica)}:request:${request}`,
    keptReply: (replica, request) => `${own(replica)}:kept-reply:${request}`,
    idempotency: (scope) => `${namespace}:idempotency:${scope}`,
    callerSecret: `${namespace}:caller-secret`,
    callerSecretSought: `${namespace}:caller-secret-sought`,
    line: (order) => `${namespace}:line:{${order}}`,
    requestChanges: (request) => `${namespace}:request-changes:${request}`,
    cancellations: `${namespace}:cancellations`,
    callbacks: '{+callbacks}',
    parkedCallbacks: (receiver) => `${namespace}:{+callbacks}:parked:${receiver}`,
    deadLetters: `${namespace}:{+dead-letters}:index`,
    deadLetter: (request) => `${namespace}:{+dead-letters}:letter:${request}`,
    replyBody: (replica, request) => `${own(replica)}:reply-body:${request}`,
    replyDraft: (replica, request, fence) => `${own(replica)}:reply-draft:${request}:${fence}`,
  };
}

const addStandardJob = [
  'wait',
  'paused',
  'meta',
  'id',
  'completed',
  'delayed',
  'active',
  'events',
  'marker',
] as const;

const moveToFinished = [
  'wait',
  'active',
  'prioritized',
  'events',
  'stalled',
  'limiter',
  'delayed',
  'paused',
  'meta',
  'pc',
  'completed',
  '',
  'metrics:completed',
  'marker',
] as const;

/**
 * @param namespace has no character that means something in a pattern of Redis.
 * @returns patterns that all keys of replicas match, and those of callbacks, dead letters and lines, but none of
 * the ring's. Redis knows no pattern with an exception: each of the first five differs from `ring` at another letter.
 */
export function keyPatternsBesideRing(namespace: string): readonly string[] {
  const keys = createKeys(namespace);
  const names = ['[a-qs-zA-Z0-9]', 'r[^i]', 'ri[^n]', 'rin[^g]', 'ring[^}]'];
  return [
    ...names.map((start) => `${namespace}:{${start}*`),
    keys.bullMq(keys.callbacks, '*'),
    keys.deadLetters.replace(/[^:]*$/, '*'),
    keys.line('*'),
  ];
}
