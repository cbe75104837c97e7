import type { CallbackState } from '../../contract/request-record.ts';
import type { Connection } from '../redis/connection.ts';
import { holdRecord, noteCallback } from '../scripts/callbacks.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** What the records of requests say of their callbacks. */
export class CallbackNotes {
  readonly #run: Run;

  constructor(connection: Connection) {
    this.#run = createRun(connection);
  }

  /**
   * Notes the state of a request's callback, if the request is still known.
   * @param attempts how often it was sent.
   * @param answer what the last attempt brought: a status, or the code of an error.
   * @param receiver where it was sent, without secrets.
   */
  async note(
    id: string,
    state: CallbackState,
    attempts: number,
    answer?: string,
    receiver?: string,
  ): Promise<void> {
    await this.#run(noteCallback, { id, state, attempts, answer, receiver });
  }

  /**
   * Keeps a request's record and reply for `ttlMs` at least, unless its callback has had its first attempt.
   * The next note of the callback restores the time at which they expire.
   */
  async hold(id: string, ttlMs: number): Promise<void> {
    await this.#run(holdRecord, { id, ttlMs });
  }
}
