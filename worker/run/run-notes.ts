import type { Redis } from 'ioredis';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { expectedOfRequest } from '#shared/store/repair/expected-keys.ts';
import type { ExpectedKey } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { noteRequest } from '#shared/store/request-notes.ts';
import type { Noted } from '#shared/store/request-notes.ts';
import type { HandlerReply } from '../handlers/handler.ts';
import { insist } from '../reply/insist.ts';

export interface RunNotesOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly replica: string;
  readonly log: Logger;
}

/** What a worker notes in the records of the requests that it runs. */
export class RunNotes {
  readonly #options: RunNotesOptions;
  readonly #repair: KeyRepair;

  constructor(options: RunNotesOptions) {
    this.#options = options;
    this.#repair = new KeyRepair(options.redis, options.keys, options.log, 'worker');
  }

  /**
   * A request is not begun before that is noted: its idempotency key may go to another one as long as it is not.
   * @param until the deadline, in ms of `performance.now()`.
   * @returns undefined if the deadline passed before Redis took the note.
   */
  begun(id: string, job: JobData, attempt: number, until: number): Promise<Noted | undefined> {
    const { redis, keys, replica } = this.#options;
    const fields = ['started', clockOf(redis).now(), 'attempts', attempt];
    const note = (): Promise<Noted> => noteRequest(redis, keys, replica, id, job, 'running', fields);
    const expected = (): ExpectedKey[] => expectedOfRequest(keys, replica, id);
    return insist(() => this.#repair.mending(note, expected), until);
  }

  /** It waits to be tried again. */
  async queued(id: string, job: JobData): Promise<Noted> {
    const { redis, keys, replica, log } = this.#options;
    try {
      return await noteRequest(redis, keys, replica, id, job, 'queued');
    } catch (error) {
      log.debug({ request: id, err: error }, 'not noted');
      return 'noted';
    }
  }
}

/** @returns what a request gets that is not begun, or not begun again. */
export function notBegun(noted: 'ended' | 'cancelled'): HandlerReply {
  return noted === 'cancelled'
    ? problemReply('cancelled', 'The request was cancelled before it was run.')
    : // It is not said twice: what is known of its end stands.
      problemReply('already_finished', 'The request has come to its end before.');
}
