import type { Redis } from 'ioredis';
import type { JobData } from '../contract/job.ts';
import type { Logger } from '../process/logger.ts';
import type { Keys } from './keys/keys.ts';
import { keysOf, redisOf } from './redis/access.ts';
import type { Connection } from './redis/connection.ts';
import { expectedOfRequest } from './repair/expected-keys.ts';
import { KeyRepair } from './repair/key-repair.ts';
import { noteRequest } from './request-notes.ts';
import type { Noted } from './request-notes.ts';

/** A request that a gateway has accepted. */
export interface AcceptedRequest {
  readonly id: string;
  readonly replica: string;
  /** In ms since the epoch, in Redis time. */
  readonly accepted: number;
  readonly job: JobData;
}

/** Writes the first note of a request's record. */
export class AcceptedRequests {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;

  /** @param connection a fail-fast connection that others may share. */
  constructor(connection: Connection, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#repair = KeyRepair.on(connection, log);
  }

  /**
   * Creates the record of a request, if its job says how long the record is kept.
   * @param state `queued` for an async request; `expired` for one whose client waited until the deadline.
   */
  note({ id, replica, accepted, job }: AcceptedRequest, state: 'queued' | 'expired'): Promise<Noted> {
    const { method, target, deadline } = job;
    const fields = ['method', method, 'target', target, 'accepted', accepted, 'deadline', deadline];
    if (job.callback) fields.push('callback', 'pending');
    return this.#repair.mending(
      () => noteRequest(this.#redis, this.#keys, replica, id, job, state, fields),
      () => expectedOfRequest(this.#keys, replica, id),
    );
  }
}
