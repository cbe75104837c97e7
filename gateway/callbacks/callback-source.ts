import type { Redis } from 'ioredis';
import type { CallbackData } from '#shared/store/callbacks.ts';
import { callerField } from '#shared/contract/caller.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import { orNull } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { noteRequest } from '#shared/store/request-notes.ts';
import { RequestStore } from '../records/request-store.ts';
import type { KnownRequest } from '../records/request-store.ts';
import { messageOf, urlFor } from './callback-message.ts';
import { noteCallback } from './callback-notes.ts';

export interface CallbackSourceOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** What receivers are not told. */
  readonly redaction: Redaction;
  /** Time in ms for which what is known of a request is kept. */
  readonly keepMs: number;
  readonly log: Logger;
}

/** What is sent, and where to. */
export interface ToSend {
  readonly url: string;
  /** About as many as its payload has. */
  readonly bytes: number;
  readonly payload: () => Promise<string>;
}

/** When a callback is sent that is not to be sent now, in ms since the epoch. */
export interface Later {
  readonly at: number;
}

/** Finds what a callback tells: the end of its request, which ends now if its time is over. */
export class CallbackSource {
  readonly #options: CallbackSourceOptions;
  readonly #store: RequestStore;

  constructor(options: CallbackSourceOptions) {
    this.#options = options;
    const { redis, keys, log } = options;
    this.#store = new RequestStore(redis, keys, log);
  }

  /** @returns undefined if there is nothing to be told. */
  async find(id: string, data: CallbackData): Promise<ToSend | Later | undefined> {
    const { message } = data;
    if (message !== undefined) {
      const { url, payload } = message;
      return { url, bytes: payload.length, payload: () => Promise.resolve(payload) };
    }
    const { redis, keys, redaction, log } = this.#options;
    const found = await this.#ended(id, data);
    if (found === undefined) {
      log.warn({ request: id }, 'no callback: Redis has lost the request');
      return undefined;
    }
    if ('at' in found) return found;
    if (found.record.callback?.state !== 'pending') return undefined;
    const url = urlFor(data, found.record.state);
    if (url === undefined) {
      await noteCallback(redis, keys, id, 'none', 0);
      return undefined;
    }
    const payload = async (): Promise<string> =>
      messageOf(found, await this.#store.reply(found), clockOf(redis).now(), redaction);
    return { url, bytes: await this.#replyBytes(found), payload };
  }

  /** The request, which ends now where its time is over; whoever runs it ends it no more. */
  async #ended(id: string, { deadline }: CallbackData): Promise<KnownRequest | Later | undefined> {
    const { redis, keys, keepMs } = this.#options;
    const found = await this.#store.find(id);
    if (found === undefined) return undefined;
    if (clockOf(redis).now() <= deadline)
      return finalStates.has(found.record.state) ? found : { at: deadline + 1 };
    const ended = ['finished', clockOf(redis).now()];
    const terms = { keepMs, deadline, ...callerField(found.record) };
    await noteRequest(redis, keys, found.replica, id, terms, 'expired', ended);
    return this.#store.find(id);
  }

  /** An answer that cannot be read is moved aside when it is read. */
  async #replyBytes({ id, replica }: KnownRequest): Promise<number> {
    const { redis, keys } = this.#options;
    return (await orNull(redis.strlen(keys.keptReply(replica, id)))) ?? 0;
  }
}
