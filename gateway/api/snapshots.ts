import type { GatewayReport } from '#shared/contract/gateway-report.ts';
import type { CallbackState } from '#shared/contract/request-record.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { Ring } from '#shared/ring/ring.ts';
import { QueueDepths } from '#shared/store/queue/queue-depths.ts';
import type { ReplicaDepths } from '#shared/store/queue/queue-depths.ts';
import { countLeftOver } from '#shared/store/records/left-over.ts';
import type { LeftOver } from '#shared/store/records/left-over.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { readRedisHealth } from '#shared/store/redis/redis-report.ts';
import type { RedisHealth } from '#shared/store/redis/redis-report.ts';
import type { RingStore } from '#shared/store/ring/ring-store.ts';
import { capsOf } from '../load/caps.ts';
import type { KnownLoad } from '../load/caps.ts';
import { RingPictures } from '../ring/ring-picture.ts';
import type { RingPicture } from '../ring/ring-picture.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import type { Sampler } from './sampler.ts';
import type { Rates } from './samples.ts';

/** All that an overview shows, as it was at one moment. */
export interface Snapshot {
  /** In ms since the epoch, in Redis time. */
  readonly at: number;
  /** How far the clock of this gateway is ahead of Redis time, in ms. */
  readonly clockAheadMs: number;
  readonly picture: RingPicture;
  readonly ring: Ring;
  readonly depths: ReadonlyMap<string, ReplicaDepths>;
  /** By name, of the replicas in the ring: the load from which on requests that may spill pass it over. */
  readonly caps: ReadonlyMap<string, number>;
  readonly leftOver: LeftOver;
  readonly reports: readonly GatewayReport[];
  readonly rates: Rates | undefined;
  /** Undefined if Redis does not say. */
  readonly redis: RedisHealth | undefined;
  /** How many callbacks are in each state that any is in. */
  readonly callbackStates: CallbackCounts;
}

export type CallbackCounts = Readonly<Partial<Record<CallbackState, number>>>;

export interface SnapshotsOptions {
  readonly config: {
    /** The `CONCURRENCY` of workers that have not said theirs. */
    readonly concurrency: number;
    readonly loadBound: number;
  };
  readonly connection: Connection;
  readonly store: RingStore;
  readonly watcher: RingWatcher;
  readonly sampler: Pick<Sampler, 'latest' | 'reports'>;
  readonly callbackSearch: { counts(): Promise<CallbackCounts> };
  readonly log: Logger;
}

/** @returns how many requests wait and run at a replica. */
export function loadOf(depths: ReplicaDepths | undefined): number {
  return depths === undefined ? 0 : depths.waiting + depths.prioritized + depths.active;
}

/** What changes slowly and costs much, such as `INFO`, is asked for at most this often, in ms. */
const slowPartEveryMs = 10_000;

/** Reads what an overview shows. Callers that come while a read is in progress share it. */
export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly #pictures: RingPictures;
  readonly #depths: QueueDepths;
  #reading: Promise<Snapshot> | undefined;
  #health: RedisHealth | undefined;
  #callbackStates: CallbackCounts = {};
  #slowPartAt = Number.NEGATIVE_INFINITY;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
    this.#pictures = new RingPictures(options);
    this.#depths = new QueueDepths(options.connection, options.log);
  }

  read(): Promise<Snapshot> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** The ring is in memory, so this takes one round trip; the slow part takes more. */
  async #read(): Promise<Snapshot> {
    const { config, connection, watcher, sampler } = this.#options;
    const { state, ring } = watcher;
    const [picture, depths, leftOver] = await Promise.all([
      this.#pictures.read(state),
      this.#depths.readAll(watcher.names()),
      countLeftOver(connection),
      this.#readSlowPart(),
    ]);
    const clock = clockOf(connection);
    const knownOf = (name: string): KnownLoad => ({
      load: loadOf(depths.get(name)),
      concurrency: picture.leases.get(name)?.numbers?.load?.concurrency ?? config.concurrency,
    });
    return {
      at: Math.round(clock.now()),
      clockAheadMs: clock.aheadMs,
      picture,
      ring,
      depths,
      caps: capsOf(ring, knownOf, config.loadBound),
      leftOver,
      reports: sampler.reports,
      rates: sampler.latest,
      redis: this.#health,
      callbackStates: this.#callbackStates,
    };
  }

  /** Never rejects: a Redis that refuses `INFO` may do all else. */
  async #readSlowPart(): Promise<void> {
    const now = performance.now();
    if (now - this.#slowPartAt < slowPartEveryMs) return;
    this.#slowPartAt = now;
    const { connection, callbackSearch } = this.#options;
    const [health, states] = await Promise.all([
      readRedisHealth(connection).catch(() => undefined),
      callbackSearch.counts().catch(() => ({})),
    ]);
    this.#health = health;
    this.#callbackStates = states;
  }
}
