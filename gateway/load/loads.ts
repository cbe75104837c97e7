import type { Logger } from '#shared/process/logger.ts';
import type { Ring, RingMember } from '#shared/ring/ring.ts';
import { presentWeight } from '#shared/ring/weight.ts';
import type { LoadWord, QueueLoads } from '#shared/store/queue/queue-loads.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import { totalOf } from './bounded-load.ts';
import { maxWordAgeMs } from './load-count.ts';
import type { ReplicaLoad, TotalLoad } from './bounded-load.ts';

/** What a gateway counts of a replica's queue. Times are on the `performance.now()` clock. */
export interface CountedQueue {
  /** The requests that wait. */
  readonly size: number;
  readonly concurrency: number | undefined;
  readonly toldAt: number;
  readonly readAt: number;
  isLoadKnown(now: number): boolean;
  load(now: number): number;
  tell(word: LoadWord, now: number): void;
  supplement(word: LoadWord, now: number): void;
}

export interface LoadsOptions {
  readonly counts: {
    get(replica: string): CountedQueue | undefined;
    of(replica: string): CountedQueue;
  };
  readonly watcher: Pick<RingWatcher, 'ring'>;
  readonly queues: Pick<QueueLoads, 'read'>;
  /** The `CONCURRENCY` of replicas whose workers have not been seen. */
  readonly concurrency: number;
  /** Requests that may wait in the queue of one replica. */
  readonly queueLimit: number;
  readonly log: Logger;
}

/** A load is asked for again after this time, in ms, if no added job has brought a newer word. */
const askAfterMs = 1000;
/** It is asked for after this time in any case: added jobs do not tell how many requests have a priority. */
const alwaysAskAfterMs = maxWordAgeMs - askAfterMs;
/** Loads are asked for as long as a request that may spill came within this time, in ms. */
const interestMs = 10_000;

/**
 * What this gateway knows of the loads of all replicas in the ring. Each call that adds jobs brings the load
 * of its replica, at no cost. The others are asked for, but only while requests come that may spill.
 */
export class Loads {
  readonly #options: LoadsOptions;
  /** When the last request came that may spill, on the `performance.now()` clock. */
  #wantedAt = Number.NEGATIVE_INFINITY;
  #ring: Ring | undefined;
  #members: ReadonlyMap<string, RingMember> = new Map();

  constructor(options: LoadsOptions) {
    this.#options = options;
  }

  /** @returns what is known of a replica; undefined if it is not in the ring. */
  of(name: string, now: number): ReplicaLoad | undefined {
    const member = this.#membersNow().get(name);
    return member && this.#loadOf(member, now);
  }

  /** @returns the sums over the ring. A replica that has left it does not count. */
  total(now: number): TotalLoad {
    return totalOf(Array.from(this.#membersNow().values(), (member) => this.#loadOf(member, now)));
  }

  /** @returns the loads of the replicas of which Redis has told lately. */
  known(now: number): ReadonlyMap<string, number> {
    const { counts } = this.#options;
    return new Map(
      [...this.#membersNow().keys()].flatMap((name) => {
        const count = counts.get(name);
        return count?.isLoadKnown(now) ? [[name, count.load(now)] as const] : [];
      }),
    );
  }

  /**
   * @returns the load of a replica by unit of the weight that it has now; undefined if Redis has not told it
   * lately.
   */
  relative(name: string, now: number): number | undefined {
    const count = this.#options.counts.get(name);
    if (count === undefined || !count.isLoadKnown(now)) return undefined;
    const member = this.#membersNow().get(name);
    return count.load(now) / (member === undefined ? 1 : presentWeight(member));
  }

  /** A request has come that may spill, so all loads are of interest for some time. */
  want(now: number): void {
    const isNew = now - this.#wantedAt > interestMs;
    this.#wantedAt = now;
    if (!isNew) return;
    const { log } = this.#options;
    this.refresh().catch((error: unknown) => log.debug({ err: error }, 'the loads could not be read'));
  }

  /** Asks for the loads that were told long ago, if they are of interest. */
  async refresh(): Promise<void> {
    const now = performance.now();
    if (now - this.#wantedAt > interestMs) return;
    const { counts } = this.#options;
    const isOld = (name: string): boolean => {
      const count = counts.get(name);
      if (count === undefined) return true;
      return now - count.toldAt > askAfterMs || now - count.readAt > alwaysAskAfterMs;
    };
    await this.#ask([...this.#membersNow().keys()].filter(isOld));
  }

  /** Asks for all loads now. */
  async readAll(): Promise<void> {
    await this.#ask([...this.#membersNow().keys()]);
  }

  async #ask(replicas: readonly string[]): Promise<void> {
    if (replicas.length === 0) return;
    const { counts, queues } = this.#options;
    const toldBefore = new Map(replicas.map((name) => [name, counts.get(name)?.toldAt]));
    const words = await queues.read(replicas);
    const now = performance.now();
    for (const [replica, word] of words) {
      const toldAt = counts.get(replica)?.toldAt;
      const count = counts.of(replica);
      // Jobs were added meanwhile. Their word may be newer, and the load counts those that have arrived.
      if (toldAt === toldBefore.get(replica)) count.tell(word, now);
      else count.supplement(word, now);
    }
  }

  #loadOf(member: RingMember, now: number): ReplicaLoad {
    const { name } = member;
    const { counts, concurrency, queueLimit } = this.#options;
    const count = counts.get(name);
    return {
      name,
      weight: presentWeight(member),
      load: count?.load(now) ?? 0,
      concurrency: count?.concurrency ?? concurrency,
      hasRoom: (count?.size ?? 0) < queueLimit,
    };
  }

  #membersNow(): ReadonlyMap<string, RingMember> {
    const { ring } = this.#options.watcher;
    if (ring !== this.#ring) {
      this.#ring = ring;
      this.#members = new Map(ring.members.map((member) => [member.name, member]));
    }
    return this.#members;
  }
}
