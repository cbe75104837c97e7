import type { Redaction } from '#shared/contract/redaction.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import type { Logger } from '#shared/process/logger.ts';
import { CallbackNotes } from '#shared/store/callbacks/callback-notes.ts';
import type { CallbackData } from '#shared/contract/callback.ts';
import { KeptReplies } from '#shared/store/records/kept-replies.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import { RequestEnds } from '#shared/store/records/request-ends.ts';
import { RequestRecords } from '#shared/store/records/request-records.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import { messageOf, urlFor } from './callback-message.ts';

export interface CallbackSourceOptions {
  readonly connection: Connection;
  /** What receivers are not told. */
  readonly redaction: Redaction;
  /** How long the record of a request is kept, in ms. */
  readonly keepMs: number;
  readonly log: Logger;
}

/** What is sent, and where to. */
export interface ToSend {
  readonly url: string;
  /** The approximate size of the payload. */
  readonly bytes: number;
  readonly payload: () => Promise<string>;
}

/** When a callback is due that must not be sent yet, in ms since the epoch. */
export interface Later {
  readonly at: number;
}

/** A callback whose request still streams is looked at again after this time, in ms. */
const streamDelayMs = 10_000;

/** Finds what a callback says: the end of its request, which is ended now if its deadline has passed. */
export class CallbackSource {
  readonly #options: CallbackSourceOptions;
  readonly #records: RequestRecords;
  readonly #ends: RequestEnds;
  readonly #replies: KeptReplies;
  readonly #notes: CallbackNotes;
  readonly #clock: RedisClock;

  constructor(options: CallbackSourceOptions) {
    this.#options = options;
    const { connection, log } = options;
    this.#records = new RequestRecords(connection, log);
    this.#ends = new RequestEnds(connection, log);
    this.#replies = new KeptReplies(connection, log);
    this.#notes = new CallbackNotes(connection);
    this.#clock = clockOf(connection);
  }

  /** @returns undefined if there is nothing to send. */
  async find(id: string, data: CallbackData): Promise<ToSend | Later | undefined> {
    const { message } = data;
    if (message !== undefined) {
      const { url, payload } = message;
      return { url, bytes: payload.length, payload: () => Promise.resolve(payload) };
    }
    const { redaction, log } = this.#options;
    const found = await this.#findEnded(id, data);
    if (found === undefined) {
      log.warn({ request: id }, 'no callback: Redis has lost the request');
      return undefined;
    }
    if ('at' in found) return found;
    if (found.record.callback?.state !== 'pending') return undefined;
    const url = urlFor(data, found.record.state);
    if (url === undefined) {
      await this.#notes.note(id, 'none', 0);
      return undefined;
    }
    const payload = async (): Promise<string> =>
      messageOf(found, await this.#replies.readWhole(found), this.#clock.now(), redaction);
    return { url, bytes: await this.#replies.sizeOf(found), payload };
  }

  /**
   * Ends the request if its deadline has passed, and its answer is no stream that runs; the worker that
   * runs it can then no longer end it.
   */
  async #findEnded(id: string, { deadline }: CallbackData): Promise<KnownRequest | Later | undefined> {
    const found = await this.#records.find(id);
    if (found === undefined) return undefined;
    if (this.#clock.now() <= deadline)
      return finalStates.has(found.record.state) ? found : { at: deadline + 1 };
    const { state, stream } = found.record;
    // Its worker makes the callback due when the stream ends.
    if (stream !== undefined && !finalStates.has(state)) return { at: this.#clock.now() + streamDelayMs };
    await this.#ends.expire(found, deadline, this.#options.keepMs);
    return this.#records.find(id);
  }
}
