import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import type { Lease, LeaseState } from '#shared/contract/lease.ts';
import type { Keys } from '#shared/keys.ts';
import { scriptsOn } from '#shared/scripts/load.ts';
import type { RunScript } from '#shared/scripts/load.ts';

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
}

/** Who held the lease before, as far as it matters for what it was running. */
export interface Predecessor {
  /** The last generation of the replica's own worker; 0 if there was none. */
  readonly generation: number;
  /** Whether ringpost or a shutdown ended it: then nothing that it was running can have killed it. */
  readonly pardoned: boolean;
}

/** When this process began, in ms since the epoch. */
const started = Math.round(performance.timeOrigin);

/**
 * The right to serve a replica's queue: taken while nobody has it, renewed before its TTL is over, ended. Whoever has
 * taken it later is known by a higher fence.
 */
export class ReplicaLease {
  readonly #options: ReplicaLeaseOptions;
  readonly #run: RunScript;
  #fence = 0;
  #predecessor: Predecessor = { generation: 0, pardoned: false };
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ReplicaLeaseOptions) {
    this.#options = options;
    this.#run = scriptsOn(options.redis);
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

  /**
   * Whether the lease is certainly ours: counted from before it was last renewed, by a clock that goes on while the
   * process is frozen.
   */
  get certain(): boolean {
    return performance.now() - this.#renewedAt < this.#options.leaseMs;
  }

  /** @returns whether it is ours now, is held by another worker, or a newer generation has had it. */
  async take(state: LeaseState): Promise<'taken' | 'held' | 'superseded'> {
    const { keys, replica, generation, adopter, leaseMs } = this.#options;
    const asked = performance.now();
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
    this.#renewedAt = asked;
    return 'taken';
  }

  /** @returns false where another worker has taken the lease since. */
  async renew(state: LeaseState): Promise<boolean> {
    const { keys, replica, generation, leaseMs } = this.#options;
    const asked = performance.now();
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
    if (result === 1) this.#renewedAt = asked;
    return result === 1;
  }

  /** Lets the lease go, if it is still ours. */
  async end(): Promise<void> {
    const { keys, replica, generation, adopter } = this.#options;
    this.#renewedAt = Number.NEGATIVE_INFINITY;
    await this.#run('end-lease', keys.lease(replica), keys.ended(replica), generation, adopter ?? '', 0);
  }

  #json(state: LeaseState): string {
    const { generation, adopter } = this.#options;
    const lease: Lease = {
      generation,
      state,
      ...(adopter === undefined ? {} : { adopter }),
      pid: process.pid,
      host: hostname(),
      started,
    };
    return JSON.stringify(lease);
  }
}
