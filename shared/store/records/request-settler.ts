import type { Fenced } from '../../contract/fenced.ts';
import type { JobData } from '../../contract/job.ts';
import type { ReplyFrame } from '../../contract/reply.ts';
import { recordTtlMs } from '../../contract/request-record.ts';
import type { NotedEvent } from '../../contract/request-events.ts';
import type { RequestState } from '../../contract/request-record.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfFence, expectedOfQueue, expectedOfRequest } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { settleRequest } from '../scripts/request-notes.ts';
import type { Settled } from '../scripts/request-notes.ts';
import { entryId } from '../streams/kept-entry.ts';
import type { WholeStream } from '../streams/kept-entry.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** How a request ends. */
export interface RequestEnd {
  readonly state: RequestState;
  /** What the request's timeline says of it. */
  readonly event: NotedEvent;
  /** Alternating names and values of the record's fields. */
  readonly fields: readonly (string | number)[];
  /** How long the reply is kept, in ms. */
  readonly keepMs: number;
  /** The frame of the reply; undefined if the reply is in the draft of this worker, or is the kept stream. */
  readonly frame: ReplyFrame | undefined;
  /** The kept stream, if the reply is that and is complete. */
  readonly stream?: WholeStream;
}

/** The ends of the requests that have a record, as the worker of one replica notes them. */
export class RequestSettler {
  readonly #run: Run;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;
  readonly #lease: Fenced;

  /** @param lease the lease under which the worker answers for the replica. */
  constructor(connection: Connection, lease: Fenced, log: Logger) {
    this.#run = createRun(connection);
    this.#keys = keysOf(connection);
    this.#repair = new KeyRepair(connection, log, 'worker');
    this.#lease = lease;
  }

  /** Keeps the reply of a request, notes its end in its record, and tells its watchers, all in one step. */
  settle(id: string, { caller }: Pick<JobData, 'caller'>, end: RequestEnd): Promise<Settled> {
    const { state, event, keepMs, frame = '', stream } = end;
    const fields = [...end.fields, ...(stream === undefined ? [] : wholeFields(stream))];
    return this.#run(settleRequest, {
      lease: this.#lease,
      id,
      replyTtlMs: keepMs,
      recordTtlMs: recordTtlMs(keepMs),
      frame,
      stream: stream && { lastEntry: entryId(stream.length), entries: stream.entries + 1 },
      state,
      event,
      // If Redis lost the record, it is created again, and still only its caller may see it.
      fields: caller === undefined ? fields : [...fields, 'caller', caller],
    });
  }

  /** Calls `act`, which ends a request, and again after garbled keys that made it fail were moved aside. */
  withRepair<T>(id: string, act: () => Promise<T>): Promise<T> {
    const { replica } = this.#lease;
    return this.#repair.withRepair(act, () => [
      ...expectedOfRequest(this.#keys, replica, id),
      { key: this.#keys.keptStream(replica, id, this.#lease.fence), type: 'stream' },
      expectedOfFence(this.#keys, replica),
      ...expectedOfQueue(this.#keys, this.#keys.callbacks),
    ]);
  }
}

function wholeFields({ length, lastId }: WholeStream): (string | number)[] {
  return ['length', length, ...(lastId === '' ? [] : ['lastId', lastId])];
}
