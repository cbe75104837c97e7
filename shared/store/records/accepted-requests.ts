import type { JobData } from '../../contract/job.ts';
import type { Logger } from '../../process/logger.ts';
import type { Connection } from '../redis/connection.ts';
import { RequestNotes } from './request-notes.ts';
import type { Noted } from './request-notes.ts';

/** An async request that a gateway has accepted. */
export interface AcceptedRequest {
  readonly id: string;
  readonly replica: string;
  /** In ms since the epoch, in Redis time. */
  readonly accepted: number;
  readonly job: JobData;
}

/** Writes the first note of a request's record. */
export class AcceptedRequests {
  readonly #notes: RequestNotes;

  /** @param connection a fail-fast connection that others may share. */
  constructor(connection: Connection, log: Logger) {
    this.#notes = new RequestNotes(connection, log);
  }

  /**
   * Creates the record of a request, if its job says how long the record is kept.
   * @param state `queued` for an async request; `expired` for one whose client waited until the deadline.
   */
  note({ id, replica, accepted, job }: AcceptedRequest, state: 'queued' | 'expired'): Promise<Noted> {
    const { method, target, deadline } = job;
    const fields = ['method', method, 'target', target, 'accepted', accepted, 'deadline', deadline];
    if (job.callback) fields.push('callback', 'pending');
    return this.#notes.noteWithRepair(replica, id, job, state, fields);
  }
}
