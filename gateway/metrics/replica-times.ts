import { timeBucketsMs } from '#shared/contract/gateway-report.ts';
import type { ReplicaCounts } from '#shared/contract/gateway-report.ts';
import type { Ran } from '../http/request-notes.ts';

/** The name under which requests are counted of which no replica was selected. */
export const noReplica = '-';

/** Counts times by buckets. The last bucket has no upper bound. */
export class TimeBuckets {
  readonly counts: number[] = Array.from({ length: timeBucketsMs.length + 1 }, () => 0);
  sumMs = 0;

  addAll({ counts, sumMs }: TimeBuckets): void {
    for (const [at, count] of counts.entries()) this.counts[at] = (this.counts[at] ?? 0) + count;
    this.sumMs += sumMs;
  }

  add(ms: number): void {
    let at = 0;
    // Most times are short, so this finds them sooner than halving would.
    while (at < timeBucketsMs.length && ms > (timeBucketsMs[at] ?? 0)) at += 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sumMs += ms;
  }
}

/** What a gateway counts of one replica. */
export class ReplicaTimes {
  requests = 0;
  failures = 0;
  spilledIn = 0;
  spilledOut = 0;
  readonly wait = new TimeBuckets();
  readonly service = new TimeBuckets();
  readonly total = new TimeBuckets();
  /** Of answers that are streams. Other processes are not told. */
  readonly firstByte = new TimeBuckets();

  /** Adds what was counted of another replica. */
  addAll(other: ReplicaTimes): void {
    this.requests += other.requests;
    this.failures += other.failures;
    this.spilledIn += other.spilledIn;
    this.spilledOut += other.spilledOut;
    for (const times of ['wait', 'service', 'total'] as const) this[times].addAll(other[times]);
  }

  get counts(): ReplicaCounts {
    const { requests, failures, spilledIn, spilledOut, wait, service, total } = this;
    return {
      requests,
      failures,
      ...(spilledIn > 0 ? { spilledIn } : {}),
      ...(spilledOut > 0 ? { spilledOut } : {}),
      wait: wait.counts,
      service: service.counts,
      total: total.counts,
    };
  }
}

/** What a gateway has counted of each replica since it started, or since the replica was there again. */
export class TimesByReplica {
  readonly #times = new Map<string, ReplicaTimes>();
  /** Of the replicas that are gone. */
  readonly #gone = new ReplicaTimes();

  /**
   * Counts a request that has ended.
   * @param replica undefined if none was selected.
   * @param failed whether the answer was a 5xx, or a problem of ringpost's own.
   * @param totalMs undefined if the client left.
   */
  count(replica = noReplica, failed: boolean, totalMs: number | undefined, ran: Ran | undefined): void {
    const times = this.#timesOf(replica);
    times.requests += 1;
    if (failed) times.failures += 1;
    if (totalMs !== undefined) times.total.add(totalMs);
    if (ran === undefined) return;
    times.wait.add(ran.queueMs);
    times.service.add(ran.serviceMs);
  }

  /** Counts a request that another replica than the owner of its key has got because of the load. */
  countSpill(owner: string, replica: string): void {
    this.#timesOf(owner).spilledOut += 1;
    this.#timesOf(replica).spilledIn += 1;
  }

  /**
   * Counts a stream that has begun.
   * @param replica undefined if none was selected.
   */
  countFirstByte(replica = noReplica, ms: number): void {
    this.#timesOf(replica).firstByte.add(ms);
  }

  #timesOf(replica: string): ReplicaTimes {
    let times = this.#times.get(replica);
    if (times === undefined) this.#times.set(replica, (times = new ReplicaTimes()));
    return times;
  }

  /** The counts of each replica that has any. */
  get all(): ReadonlyMap<string, ReplicaTimes> {
    return this.#times;
  }

  /**
   * Forgets the replicas that are gone.
   * @param isThere whether a replica is not gone.
   * @returns the counts of the others.
   */
  countsOf(isThere: (replica: string) => boolean): Readonly<Record<string, ReplicaCounts>> {
    this.keepOnly(isThere);
    return Object.fromEntries(Array.from(this.#times, ([replica, { counts }]) => [replica, counts]));
  }

  /** @returns the counts of all replicas together, also of those that are gone: they only grow. */
  get sum(): ReplicaCounts {
    const sum = new ReplicaTimes();
    sum.addAll(this.#gone);
    for (const times of this.#times.values()) sum.addAll(times);
    return sum.counts;
  }

  /** Forgets the replicas that are gone. */
  keepOnly(isThere: (replica: string) => boolean): void {
    for (const [replica, times] of this.#times) {
      if (replica === noReplica || isThere(replica)) continue;
      this.#gone.addAll(times);
      this.#times.delete(replica);
    }
  }
}
