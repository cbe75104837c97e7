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
import { noteRequest } from '../scripts/request-notes.ts';
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

  /** @param rights as in {@link KeyRepair}. */
  constructor(connection: Connection, log: Logger, rights: 'server' | 'worker' = 'server') {
    this.#run = createRun(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#repair = new KeyRepair(connection, log, rights);
  }

  /**
   * Notes a change of a request in its record, and tells its watchers. Does nothing if the request has no
   * record, or has ended before.
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
  ): Promise<Noted> {
    if (keepMs === undefined) return Promise.resolve('noted');
    return this.#run(noteRequest, {
      replica,
      id,
      state,
      ttlMs: lifeMs(deadline, keepMs, this.#clock.now()),
      event,
      fields: withCaller(fields, caller),
    });
  }

  /** As {@link note}; garbled keys of the request that make it fail are moved aside. */
  noteWithRepair(
    replica: string,
    id: string,
    terms: RecordTerms,
    state: RequestState | '',
    event: NotedEvent,
    fields: readonly (string | number)[] = [],
  ): Promise<Noted> {
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
