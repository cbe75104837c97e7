import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import type { Lease, LeaseState } from '#shared/contract/lease.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { scriptsOn } from '#shared/store/scripts/load.ts';
import type { RunScript } from '#shared/store/scripts/load.ts';
import type { SharedSkew } from './shared-skew.ts';
import { SharedTime } from './shared-time.ts';

export interface ReplicaLeaseOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** The replica whose lease it is. */
  readonly replica: string;
  /** The generation of the replica's own worker; 0 for an adopter. */
  readonly generation: number;
  /** Who adopts, as `adopterOf` names it; undefined for the replica's own worker. */
  readonly adopter?: string;
  /** The lease's TTL in ms. */
  readonly leaseMs: number;
  /** What the main thread has measured; the thread that has measured it reads its own clock. */
  readonly skew?: SharedSkew;
  /** Of a lease that another thread of this process has taken. */
  readonly taken?: SharedLease;
}

/** Who held the lease before, as far as it matters for what it was running. */
export interface Predecessor {
  /** The last generation of the replica's own worker; 0 if there was none. */
  readonly generation: number;
  /** Whether ringpost or a shutdown ended it: then nothing that it was running can have killed it. */
  readonly pardoned: boolean;
}

/** A lease that was taken, as one thread tells it to another. */
export interface SharedLease {
  readonly replica: string;
  readonly generation: number;
  readonly adopter: string | undefined;
  readonly leaseMs: number;
  readonly fence: number;
  /** When this process began, in ms since the epoch by Redis's clock. */
  readonly started: number;
  /** The `SharedTime` of the last renewal. */
  readonly renewed: SharedArrayBuffer;
}

/**
 * The right to serve a replica's queue: taken while nobody has it, renewed before its TTL is over, ended. Whoever has
 * taken it later is known by a higher fence.
 */
export class ReplicaLease {
  readonly #options: ReplicaLeaseOptions;
  readonly #run: RunScript;
  #predecessor: Predecessor = { generation: 0, pardoned: false };
  #started: number;
  /** When the last renewal that succeeded was asked for. Any thread may set it. */
  readonly #renewed: SharedTime;
  /** What this thread last knew, by `performance.now()`. */
  #certainUntil = Number.NEGATIVE_INFINITY;
  #fence: number;

  constructor(options: ReplicaLeaseOptions) {
    const { redis, taken } = options;
    this.#options = options;
    this.#run = scriptsOn(redis);
    this.#started = taken?.started ?? 0;
    this.#renewed = new SharedTime(taken?.renewed);
    this.#fence = taken?.fence ?? 0;
  }

  /** @returns a lease that another thread of this process has taken. */
  static shared(redis: Redis, keys: Keys, taken: SharedLease, skew: SharedSkew): ReplicaLease {
    const { replica, generation, adopter, leaseMs } = taken;
    const options = { redis, keys, replica, generation, leaseMs, taken, skew };
    return new ReplicaLease(adopter === undefined ? options : { ...options, adopter });
  }

  get replica(): string {
    return this.#options.replica;
  }

  /** What the taking of the lease gave; 0 before. */
  get fence(): number {
    return this.#fence;
  }

  /** Who held the lease before it was taken. */
  get predecessor(): Predecessor {
    return this.#predecessor;
  }

  /** What another thread renews this lease by. */
  get shared(): SharedLease {
    const { replica, generation, adopter, leaseMs } = this.#options;
    const renewed = this.#renewed.buffer;
    return { replica, generation, adopter, leaseMs, fence: this.#fence, started: this.#started, renewed };
  }

  /** Whether it is the lease of the replica's own worker, and not of an adopter. */
  get own(): boolean {
    return this.#options.adopter === undefined;
  }

  /**
   * Whether the lease is certainly ours: counted from before it was last renewed, in whatever thread, by a clock that goes
   * on while the process is frozen.
   */
  get certain(): boolean {
    const now = performance.now();
    if (now < this.#certainUntil) return true;
    this.#certainUntil = now - this.#renewed.ageMs + this.#options.leaseMs;
    return now < this.#certainUntil;
  }

  /** @returns whether it is ours now, is held by another worker, or a newer generation has had it. */
  async take(state: LeaseState): Promise<'taken' | 'held' | 'superseded'> {
    const { redis, keys, replica, generation, adopter, leaseMs } = this.#options;
    this.#started = clockOf(redis).began;
    const asked = process.hrtime.bigint();
    // The script's own answer.
    const [taken, last, pardoned] = (await this.#run(
      'take-lease',
      keys.lease(replica),
      keys.leaseFence(replica),
      keys.currentGeneration(replica),
      keys.standby(replica),
      keys.consumer(replica),
      keys.pardoned(replica),
      generation,
      adopter ?? '',
      leaseMs,
      this.#json(state),
      `${keys.replica(replica)}:`,
    )) as [fence: string | number, last?: number, pardoned?: number];
    const fence = Number(taken);
    if (fence <= 0) return fence === 0 ? 'held' : 'superseded';
    this.#fence = fence;
    this.#predecessor = { generation: last ?? 0, pardoned: pardoned === 1 };
    this.#renewed.set(asked);
    return 'taken';
  }

  /** @returns false where another worker has taken the lease since. */
  async renew(state: LeaseState): Promise<boolean> {
    const { keys, replica, generation, leaseMs } = this.#options;
    const asked = process.hrtime.bigint();
    const result = await this.#run(
      'renew-lease',
      keys.lease(replica),
      keys.leaseFence(replica),
      keys.currentGeneration(replica),
      keys.generation(replica),
      this.#fence,
      generation,
      leaseMs,
      this.#json(state),
    );
    if (result === 1) this.#renewed.set(asked);
    return result === 1;
  }

  /** Lets the lease go, if it is still ours. No renewal may be under way. */
  async end(): Promise<void> {
    const { keys, replica, generation, adopter } = this.#options;
    this.#renewed.clear();
    this.#certainUntil = Number.NEGATIVE_INFINITY;
    await this.#run('end-lease', keys.lease(replica), keys.ended(replica), generation, adopter ?? '', 0);
  }

  /** Keeps jobs from being delivered directly to the consumer that serves the queue by this lease, until its next tick. */
  async withdraw(): Promise<boolean> {
    const { keys, replica } = this.#options;
    return (await this.#run('withdraw-consumer', keys.consumer(replica), this.#fence)) === 1;
  }

  #json(state: LeaseState): string {
    const { redis, generation, adopter, skew } = this.#options;
    const lease: Lease = {
      generation,
      state,
      ...(adopter === undefined ? {} : { adopter }),
      pid: process.pid,
      host: hostname(),
      started: this.#started,
      clockAheadMs: (skew ?? clockOf(redis)).aheadMs,
    };
    return JSON.stringify(lease);
  }
}
