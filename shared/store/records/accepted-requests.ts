import type { JobData } from '../../contract/job.ts';
import { uuidOf } from '../../contract/request-id.ts';
import type { Logger } from '../../process/logger.ts';
import { keyDigest } from '../../ring/key-digest.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { expectedOfIndexes, expectedOfRequest } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { acceptRequest } from '../scripts/request-notes.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';
import { IndexedReplicas } from './indexed-replicas.ts';
import { lifeMs, withCaller } from './request-notes.ts';
import type { Noted } from './request-notes.ts';

/** An async request that a gateway has accepted. */
export interface AcceptedRequest {
  readonly id: string;
  readonly replica: string;
  /** The replica whose queue has its job, if that is another one. */
  readonly queue?: string;
  /** The owner of its key, if another replica was selected because of the load. */
  readonly spilledFrom?: string | undefined;
  /** The hash key, which selected the replica. */
  readonly key: string;
  /** In ms since the epoch, in Redis time. */
  readonly accepted: number;
  readonly job: JobData;
}

/** How many requests the indexes of all replicas have together. */
const maxIndexed = 100_000;

/** Writes the first note of a request's record, and adds the request to the indexes of its replica. */
export class AcceptedRequests {
  readonly #run: Run;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #repair: KeyRepair;
  readonly #indexed: IndexedReplicas;
  readonly #replicaCount: () => number;

  /**
   * @param connection a fail-fast connection that others may share.
   * @param replicaCount how many replicas share the bound of the indexes.
   */
  constructor(connection: Connection, replicaCount: () => number, log: Logger) {
    this.#run = createRun(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#repair = new KeyRepair(connection, log);
    this.#indexed = new IndexedReplicas(connection, log);
    this.#replicaCount = replicaCount;
  }

  /**
   * Creates the record of a request, if its job says how long the record is kept.
   * @param state `queued` for an async request; `expired` for one whose client waited until the deadline.
   */
  note(
    { id, replica, queue = replica, spilledFrom, key, accepted, job }: AcceptedRequest,
    state: 'queued' | 'expired',
  ): Promise<Noted> {
    const { method, target, deadline, keepMs, caller, callback = false } = job;
    if (keepMs === undefined) return Promise.resolve('noted');
    const digest = keyDigest(key);
    const fields = ['method', method, 'target', target, 'accepted', accepted, 'deadline', deadline];
    fields.push('keyDigest', digest);
    if (spilledFrom !== undefined) fields.push('spilledFrom', spilledFrom);
    if (queue !== replica) fields.push('queue', queue);
    if (callback) fields.push('callback', 'pending');
    const ttlMs = lifeMs(deadline, keepMs, this.#clock.now());
    this.#indexed.note(replica, ttlMs);
    const call = {
      id,
      replica,
      state,
      ttlMs,
      event: state === 'expired' ? ({ kind: 'expired' } as const) : undefined,
      indexed: { accepted, uuid: uuidOf(id), digest, callback },
      maxIndexed: Math.ceil(maxIndexed / Math.max(1, this.#replicaCount())),
      fields: withCaller(fields, caller),
    };
    return this.#repair.withRepair(
      () => this.#run(acceptRequest, call),
      () => [...expectedOfRequest(this.#keys, replica, id), ...expectedOfIndexes(this.#keys, replica)],
    );
  }
}
