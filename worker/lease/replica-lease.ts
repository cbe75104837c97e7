import { hostname } from 'node:os';
import { adopterOf } from '#shared/contract/lease.ts';
import type { Lease, LeaseHolder, LeaseState, Predecessor } from '#shared/contract/lease.ts';
import { LeaseStore } from '#shared/store/lease/lease-store.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { traceOf } from '#shared/store/trace/open-trace.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { SharedSkew } from './shared-skew.ts';
import type { SharedAnswers } from './shared-answers.ts';
import type { SharedNumbers } from './shared-numbers.ts';
import { SharedTime } from './shared-time.ts';

export interface ReplicaLeaseOptions {
  readonly connection: Connection;
  /** The replica whose lease it is. */
  readonly replica: string;
  /** The generation of the replica's own worker; 0 for an adopter. */
  readonly generation: number;
  /** The adopter, as `adopterOf` names it; undefined for the replica's own worker. */
  readonly adopter?: string | undefined;
  /** The lease's TTL in ms. */
  readonly leaseMs: number;
  /** The skew that the main thread has measured, for a thread that does not measure it. */
  readonly skew?: SharedSkew;
  /** What the main thread has measured of itself. */
  readonly numbers?: SharedNumbers;
  /** What the main thread has counted. */
  readonly answers?: SharedAnswers;
  /** A lease that another thread of this process has taken. */
  readonly taken?: SharedLease;
}

/** A lease that was taken, as one thread tells it to another. */
export interface SharedLease {
  readonly replica: string;
  readonly generation: number;
  readonly adopter: string | undefined;
  readonly leaseMs: number;
  readonly fence: number;
  /** When this process started, in ms since the epoch in Redis time. */
  readonly started: number;
  /** The `SharedTime` of the last renewal. */
  readonly renewed: SharedArrayBuffer;
}

/**
 * The right to serve a replica's queue. A worker takes the lease while it is free, renews it before its TTL
 * is over, and ends it. A later holder has a higher fence.
 */
export class ReplicaLease {
  readonly #connection: Connection;
  readonly #holder: LeaseHolder;
  readonly #leaseMs: number;
  readonly #skew: SharedSkew | undefined;
  readonly #numbers: SharedNumbers | undefined;
  readonly #answers: SharedAnswers | undefined;
  readonly #store: LeaseStore;
  #predecessor: Predecessor = { generation: 0, expected: false };
  #started: number;
  /** When the last renewal that succeeded was asked for. Any thread may set it. */
  readonly #renewed: SharedTime;
  /** What this thread last knew, on the `performance.now()` clock. */
  #certainUntil = Number.NEGATIVE_INFINITY;
  #fence: number;
  #replicated = true;

  constructor(options: ReplicaLeaseOptions) {
    const { connection, replica, generation, adopter, leaseMs, skew, numbers, answers, taken } = options;
    this.#connection = connection;
    this.#holder = { replica, generation, adopter };
    this.#leaseMs = leaseMs;
    this.#skew = skew;
    this.#numbers = numbers;
    this.#answers = answers;
    this.#store = new LeaseStore(connection);
    this.#started = taken?.started ?? 0;
    this.#renewed = new SharedTime(taken?.renewed);
    this.#fence = taken?.fence ?? 0;
  }

  /** @returns a lease that another thread of this process has taken. */
  static shared(
    connection: Connection,
    taken: SharedLease,
    shared: Required<Pick<ReplicaLeaseOptions, 'skew' | 'numbers' | 'answers'>>,
  ): ReplicaLease {
    return new ReplicaLease({ ...taken, ...shared, connection, taken });
  }

  get replica(): string {
    return this.#holder.replica;
  }

  /** The fencing token that the taking of the lease gave; 0 before. */
  get fence(): number {
    return this.#fence;
  }

  /** The holder before this one. */
  get predecessor(): Predecessor {
    return this.#predecessor;
  }

  /** The worker that has the lease, as `adopterOf` names it. */
  get holder(): string {
    const { replica, generation, adopter } = this.#holder;
    return adopter ?? adopterOf(replica, generation);
  }

  /** What another thread needs to renew this lease. */
  get shared(): SharedLease {
    const renewed = this.#renewed.buffer;
    return { ...this.#holder, leaseMs: this.#leaseMs, fence: this.#fence, started: this.#started, renewed };
  }

  /** The adopter, as `adopterOf` names it; undefined for the replica's own worker. */
  get adopter(): string | undefined {
    return this.#holder.adopter;
  }

  /** Whether it is the lease of the replica's own worker, and not of an adopter. */
  get own(): boolean {
    return this.#holder.adopter === undefined;
  }

  /**
   * Whether the lease is certainly ours. The TTL counts from before the last renewal was sent, in whatever
   * thread, by a clock that runs on while the process is frozen.
   */
  get certain(): boolean {
    const now = performance.now();
    if (now < this.#certainUntil) return true;
    this.#certainUntil = now - this.#renewed.ageMs + this.#leaseMs;
    return now < this.#certainUntil;
  }

  /** Whether a failover keeps the last renewal of this thread. */
  get replicated(): boolean {
    return this.#replicated;
  }

  /** @returns whether the lease is ours now, another worker holds it, or a newer generation has held it. */
  async take(state: LeaseState): Promise<'taken' | 'held' | 'superseded'> {
    this.#started = clockOf(this.#connection).started;
    const asked = process.hrtime.bigint();
    const taken = await this.#store.take(this.#holder, this.#lease(state), this.#leaseMs);
    if (typeof taken === 'string') return taken;
    this.#fence = taken.fence;
    this.#predecessor = taken.predecessor;
    if (await this.#isSafe()) this.#renew(asked);
    return 'taken';
  }

  /**
   * The lease is certain afterwards, unless a failover might lose the renewal, or Redis answered too late.
   * @returns false if another worker has taken the lease since.
   */
  async renew(state: LeaseState): Promise<boolean> {
    const asked = process.hrtime.bigint();
    const ours = await this.#store.renew(this.#holder, this.#fence, this.#lease(state), this.#leaseMs);
    if (ours && (await this.#isSafe())) this.#renew(asked);
    return ours;
  }

  /** Ends the lease if it is still ours. No renewal may be in progress. */
  async end(): Promise<void> {
    this.#renewed.clear();
    this.#certainUntil = Number.NEGATIVE_INFINITY;
    await this.#store.end(this.#holder);
  }

  /**
   * Withdraws the registration of the consumer that serves the queue under this lease: no more jobs are
   * delivered directly to it until its next tick.
   * @returns whether it was registered.
   */
  withdraw(): Promise<boolean> {
    return this.#store.withdrawConsumer(this.replica, this.#fence);
  }

  /**
   * @returns whether a failover keeps the lease. One that is lost could be given to another worker, while
   * this one would still believe that it has it.
   */
  async #isSafe(): Promise<boolean> {
    this.#replicated = await this.#store.replicated(this.#leaseMs / 3);
    return this.#replicated;
  }

  /** The lease is certainly ours from now on. @param asked when that was asked for, in ns. */
  #renew(asked: bigint): void {
    const { replica } = this.#holder;
    const [fence, leaseMs, since] = [this.#fence, this.#leaseMs, Number(asked / 1000n)];
    traceOf(this.#connection)?.record({ kind: 'lease.certain', replica, fence, since, leaseMs });
    this.#renewed.set(asked);
  }

  #lease(state: LeaseState): Lease {
    const { generation, adopter } = this.#holder;
    const numbers = this.#numbers?.current;
    const idle = this.#numbers?.idle;
    const answers = this.#answers?.current;
    return {
      generation,
      state,
      ...(adopter === undefined ? {} : { adopter }),
      pid: process.pid,
      host: hostname(),
      started: this.#started,
      findsRecords: true,
      clockAheadMs: (this.#skew ?? clockOf(this.#connection)).aheadMs,
      ...(numbers === undefined ? {} : { numbers }),
      ...(idle === undefined ? {} : { idle }),
      ...(answers === undefined ? {} : { answers }),
    };
  }
}
