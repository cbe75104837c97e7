import type { Fenced } from '../../contract/fenced.ts';
import type { JobData } from '../../contract/job.ts';
import { recordTtlMs } from '../../contract/request-record.ts';
import type { NotedEvent } from '../../contract/request-events.ts';
import type { RequestState } from '../../contract/request-record.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { expectedOfRequest } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { noteAttempt, noteRequest } from '../scripts/request-notes.ts';
import type { Noted } from '../scripts/request-notes.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

export type { Noted } from '../scripts/request-notes.ts';

/** The fields of a job that decide how long a record is kept, and who may see it. */
export type RecordTerms = Pick<JobData, 'keepMs' | 'deadline' | 'caller'>;

/** Notes the changes of async requests before their end, in their records. */
export class RequestNotes {
  readonly #run: Run;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #repair: KeyRepair;
  readonly #lease: Fenced | undefined;

  /** @param lease of the worker that notes; undefined if a gateway does. */
  constructor(connection: Connection, log: Logger, lease?: Fenced) {
    this.#lease = lease;
    this.#run = createRun(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#repair = new KeyRepair(connection, log, lease === undefined ? 'server' : 'worker');
  }

  /**
   * Notes a change of a request in its record, and tells its watchers. Does nothing if the request has no
   * record, or has ended before, or if another worker has taken the lease: then it is `superseded`.
   * @param state a request that is to be cancelled no longer becomes `queued` or `running`; empty to leave it
   * as it is.
   * @param event what the request's timeline says of it.
   * @param fields alternating names and values.
   */
  note(
    replica: string,
    id: string,
    { keepMs, deadline, caller }: RecordTerms,
    state: RequestState | '',
    event: NotedEvent,
    fields: readonly (string | number)[] = [],
  ): Promise<Noted | 'superseded'> {
    if (keepMs === undefined) return Promise.resolve('noted');
    const ttlMs = lifeMs(deadline, keepMs, this.#clock.now());
    const noted = { replica, id, state, ttlMs, event, fields: withCaller(fields, caller) };
    const lease = this.#lease;
    return lease === undefined ? this.#run(noteRequest, noted) : this.#run(noteAttempt, { ...noted, lease });
  }

  /** As {@link note}; garbled keys of the request that make it fail are moved aside. */
  noteWithRepair(
    replica: string,
    id: string,
    terms: RecordTerms,
    state: RequestState | '',
    event: NotedEvent,
    fields: readonly (string | number)[] = [],
  ): Promise<Noted | 'superseded'> {
    return this.#repair.withRepair(
      () => this.note(replica, id, terms, state, event, fields),
      () => expectedOfRequest(this.#keys, replica, id),
    );
  }
}

/** @returns how long the record of a request lives that has not ended, in ms. */
export function lifeMs(deadline: number, keepMs: number, now: number): number {
  return Math.max(0, deadline - now) + recordTtlMs(keepMs);
}

/**
 * Each note names the caller. If Redis lost the record, it is created again, and still only its caller may
 * see it.
 */
export function withCaller(
  fields: readonly (string | number)[],
  caller: JobData['caller'],
): readonly (string | number)[] {
  return caller === undefined ? fields : [...fields, 'caller', caller];
}
