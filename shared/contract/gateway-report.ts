/**
 * Upper bounds in ms of the buckets of wait, service and total times in a {@link GatewayReport}. One more
 * bucket counts what took longer.
 */
export const timeBucketsMs = [
  1, 2, 3, 5, 7.5, 10, 15, 25, 50, 75, 100, 150, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
] as const;

/** What a gateway has counted of one replica since it started. Counts of buckets are not cumulative. */
export interface ReplicaCounts {
  readonly requests: number;
  /** Answers of 5xx, and problems of the gateway's own. */
  readonly failures: number;
  /**
   * Requests that it got because the owner of their key was overloaded, and those that others got because it
   * was. Left out if there are none, and by gateways of earlier releases.
   */
  readonly spilledIn?: number;
  readonly spilledOut?: number;
  readonly wait: readonly number[];
  readonly service: readonly number[];
  readonly total: readonly number[];
}

/**
 * What a process with a gateway or a controller writes about itself to Redis every two seconds. It expires
 * after ten. Times are in ms since the epoch, in Redis time.
 */
export interface GatewayReport {
  readonly name: string;
  readonly role: 'gateway' | 'controller' | 'both';
  /** Where it listens; null for a controller. */
  readonly address: string | null;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly since: number;
  readonly at: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** 99th percentile of the delay of the event loop since the report before. */
  readonly eventLoopLagMs: number;
  readonly inFlight: number;
  readonly heldBytes: number;
  /**
   * By replica; `-` for requests of which none was selected. Empty in a large system, where they are written
   * apart, and only while somebody looks at them.
   */
  readonly counts: Readonly<Record<string, ReplicaCounts>>;
  /** The sum over all replicas since the start, also those that are gone; only in a large system. */
  readonly sum?: ReplicaCounts;
}
