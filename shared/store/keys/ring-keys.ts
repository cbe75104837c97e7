/** The keys and channels of the ring, which share a hash tag. */
export interface RingKeys {
  /** String: a random key. Hashes made with it let a controller recognize containers with other settings. */
  readonly configKey: string;
  /** String: the ring's parameters as JSON. */
  readonly parameters: string;
  /** Hash: name -> value of each setting that must be the same for all gateways. */
  readonly settings: string;
  /** Integer: raised by each change of the desired replicas or of the ring. */
  readonly version: string;
  /** Integer: the last joining number that was given. */
  readonly joined: string;
  /** Hash: name -> ring member as JSON, for each desired replica. */
  readonly desired: string;
  /** Hash: name -> generation, for each replica that owns keys now. */
  readonly ring: string;
  /** Hash: name -> time of `/rm` in ms since the epoch, for each replica that is finishing what it holds. */
  readonly retired: string;
  /**
   * Hash: `+policy` -> what the leading controller allows, and name -> why its worker stands by, as JSON.
   * There is none if that controller has no `REPLICA_JOIN=auto`.
   */
  readonly joining: string;
  /** Hash: name -> time of `/rm` in ms since the epoch, for each replica that may not join by itself. */
  readonly tombstones: string;
  /** String: the servers of UPSTREAMS as JSON, as the leading controller has them. */
  readonly upstreams: string;
  /**
   * Hash: name -> position in UPSTREAMS, from 0, for each replica that is desired or retired. A replacement
   * has the position of the dead replica.
   */
  readonly upstreamPositions: string;
  /** Hash: name -> time in ms since the epoch since which an operator keeps the replica out of the ring. */
  readonly drained: string;
  /**
   * Hash: name -> the last generation that an operator wants replaced, followed by ` rolling` if the replica
   * has to wait until all replicas are ready.
   */
  readonly restarts: string;
  /** Hash: name -> tenths of its weight, since when, and when it has all of it, in ms since the epoch. */
  readonly slowStarts: string;
  /**
   * Hash: what autoscaling may do, who has stopped it, and its last decision and change, as
   * `AutoscaleStore` writes them. There is none if no controller has `AUTOSCALE`.
   */
  readonly autoscale: string;
  /** Hash: name -> ejection as JSON, for each desired replica that outlier detection has ejected lately. */
  readonly ejections: string;
  /** Hash: name of a retired replica -> name of its replacement, the only one that may adopt its queue. */
  readonly heirs: string;
  /** Set: names of replicas whose queues any live worker may adopt. */
  readonly offered: string;
  /** Hash: name -> what the controller knows about the replica, as JSON. */
  readonly status: string;
  /** String with a TTL: the leading controller, `<controller>#<fencing token>`. */
  readonly leader: string;
  /** Integer: the last fencing token that was given to a controller. */
  readonly fence: string;
  /** Hash: name -> report as JSON, for each process with a gateway or a controller. */
  readonly gateways: string;
  /** Hash: name -> counts by replica as JSON, for each gateway whose report has only their sum. */
  readonly gatewayCounts: string;
  /** String with a TTL: somebody looks at the counts by replica. */
  readonly countsWanted: string;
  /** Channel: a message for each change. It only wakes its readers; they read the state from the keys. */
  readonly changes: string;
  /** Channel: jobs that wait for another attempt after an answer, as `encodeRetryNotice` writes them. */
  readonly retries: string;
}

/** The hash tag of the keys of the ring. */
export const ringTag = '{ring}';

/** @param namespace the prefix of all keys. */
export function createRingKeys(namespace: string): RingKeys {
  const ringPrefix = `${namespace}:${ringTag}`;
  return {
    configKey: `${ringPrefix}:config-key`,
    parameters: `${ringPrefix}:parameters`,
    settings: `${ringPrefix}:settings`,
    version: `${ringPrefix}:version`,
    joined: `${ringPrefix}:joined`,
    desired: `${ringPrefix}:desired`,
    ring: `${ringPrefix}:ring`,
    retired: `${ringPrefix}:retired`,
    drained: `${ringPrefix}:drained`,
    restarts: `${ringPrefix}:restarts`,
    slowStarts: `${ringPrefix}:slow-starts`,
    autoscale: `${ringPrefix}:autoscale`,
    ejections: `${ringPrefix}:ejections`,
    joining: `${ringPrefix}:joining`,
    tombstones: `${ringPrefix}:tombstones`,
    upstreams: `${ringPrefix}:upstreams`,
    upstreamPositions: `${ringPrefix}:upstream-positions`,
    heirs: `${ringPrefix}:heirs`,
    offered: `${ringPrefix}:offered`,
    status: `${ringPrefix}:status`,
    leader: `${ringPrefix}:leader`,
    fence: `${ringPrefix}:fence`,
    gateways: `${ringPrefix}:gateways`,
    gatewayCounts: `${ringPrefix}:gateway-counts`,
    countsWanted: `${ringPrefix}:counts-wanted`,
    changes: `${ringPrefix}:changes`,
    retries: `${ringPrefix}:retries`,
  };
}
