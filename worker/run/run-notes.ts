import type { Fenced } from '#shared/contract/fenced.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import { countsOf } from '#shared/store/ring/cluster-counts.ts';
import type { ClusterCounts } from '#shared/store/ring/cluster-counts.ts';
import { RequestNotes } from '#shared/store/records/request-notes.ts';
import type { Noted } from '#shared/store/records/request-notes.ts';
import type { HandlerReply } from '../handlers/handler.ts';
import { retryUntil } from '../reply/retry-until.ts';

export interface RunNotesOptions {
  readonly connection: Connection;
  readonly replica: string;
  /** By which the worker serves the queue. */
  readonly lease: Fenced;
  /** This worker, as `adopterOf` names it. */
  readonly by: string;
  readonly log: Logger;
}

/** What a worker notes in the records of the requests that it runs. */
export class RunNotes {
  readonly #notes: RequestNotes;
  readonly #clock: RedisClock;
  readonly #counts: ClusterCounts;
  readonly #replica: string;
  readonly #by: string;
  readonly #log: Logger;

  constructor({ connection, replica, lease, by, log }: RunNotesOptions) {
    this.#notes = new RequestNotes(connection, log, lease);
    this.#clock = clockOf(connection);
    this.#counts = countsOf(connection);
    this.#replica = replica;
    this.#by = by;
    this.#log = log;
  }

  /**
   * Notes that a request is started. This is done before the start, because another request may get its
   * idempotency key until then.
   * @param taken when its job was taken, in ms since the epoch, in Redis time.
   * @param until the deadline on the `performance.now()` clock.
   * @returns undefined if the deadline passed before Redis took the note.
   */
  started(
    id: string,
    job: JobData,
    attempt: number,
    taken: number,
    until: number,
  ): Promise<Noted | 'superseded' | undefined> {
    const event = { kind: 'begun', attempt, worker: this.#by, taken } as const;
    const waited = job.keyLine === undefined ? [] : ['waitsFor', ''];
    const fields = ['started', this.#clock.now(), 'attempts', attempt, ...waited];
    return retryUntil(
      () => this.#notes.noteWithRepair(this.#replica, id, job, 'running', event, fields),
      until,
    );
  }

  /**
   * Notes that a request waits since as many requests of its key run as may. Never rejects.
   * @param running how many run.
   */
  async waits(id: string, job: JobData, running: number): Promise<void> {
    this.#counts.add('keyWaits');
    if (job.keepMs === undefined) return;
    try {
      const event = { kind: 'waited', detail: String(running) } as const;
      await this.#notes.note(this.#replica, id, job, '', event, ['waitsFor', running]);
    } catch (error) {
      this.#log.debug({ request: id, err: error }, 'not noted');
    }
  }

  /**
   * Notes that a request waits to be tried again. Never rejects.
   * @param status of the answer that it got.
   */
  async queued(id: string, job: JobData, attempt: number, status: number): Promise<Noted | 'superseded'> {
    const event = { kind: 'retried', attempt, worker: this.#by, detail: String(status) } as const;
    this.#counts.add('redeliveries:retry');
    try {
      return await this.#notes.note(this.#replica, id, job, 'queued', event);
    } catch (error) {
      this.#log.debug({ request: id, err: error }, 'not noted');
      return 'noted';
    }
  }
}

/** @returns the reply to a request that is not started, or not started again. */
export function endedBeforeStartReply(noted: 'ended' | 'cancelled'): HandlerReply {
  return noted === 'cancelled'
    ? problemReply('cancelled', 'The request was cancelled before it was run.')
    : // Its first end stands.
      problemReply('already_finished', 'The request had ended before.');
}
