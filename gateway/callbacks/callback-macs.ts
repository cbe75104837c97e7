import { createHmac, timingSafeEqual } from 'node:crypto';
import type { CallbackData, CallbackJobMessage } from '#shared/store/callbacks.ts';
import { derivedKey } from './receiver-keys.ts';

/** What of a callback job never changes after a gateway has added it. */
type Lasting = Pick<CallbackData, 'url' | 'failureUrl' | 'deadline'>;
type Text = Pick<CallbackJobMessage, 'url' | 'payload'>;

const info = 'ringpost callback job v1';
const version = 'v1:';
/** Codes of one job that are looked at; there is one for each secret. */
const mostCodes = 16;

/**
 * Codes (HMAC-SHA-256) by which gateways know the callback jobs that a gateway has written: others write to Redis too,
 * and could have a gateway sign and send what they like. There is one for each secret, so that gateways which have one
 * secret in common know each other's jobs while the secrets are exchanged.
 */
export class CallbackMacs {
  readonly #keys: readonly Buffer[];
  readonly #namespace: string;

  /** @param secrets those of `CALLBACK_SECRET`. */
  constructor(secrets: readonly string[], namespace: string) {
    this.#keys = secrets.map((secret) => derivedKey(secret, info));
    this.#namespace = namespace;
  }

  /** @param id of the request. */
  ofJob(id: string, job: Lasting): string {
    return this.#jobCodes(id, job).join(' ');
  }

  /** @param id of the request. */
  ofMessage(id: string, message: Text): string {
    return this.#messageCodes(id, message).join(' ');
  }

  /** @returns whether a gateway has written this job for this request, and the message in it. */
  verify(id: string, data: CallbackData): boolean {
    const { mac, message } = data;
    if (!isAmong(this.#jobCodes(id, data), mac)) return false;
    return message === undefined || isAmong(this.#messageCodes(id, message), message.mac);
  }

  #jobCodes(id: string, { url, failureUrl, deadline }: Lasting): string[] {
    return this.#codes('job', id, url ?? null, failureUrl ?? null, deadline);
  }

  #messageCodes(id: string, { url, payload }: Text): string[] {
    return this.#codes('message', id, url, payload);
  }

  /** A list in JSON is the same text for the same values, and for no others. */
  #codes(...values: readonly (string | number | null)[]): string[] {
    const text = JSON.stringify([info, this.#namespace, ...values]);
    return this.#keys.map((key) => version + createHmac('sha256', key).update(text).digest('base64url'));
  }
}

/** @param given codes, separated by spaces. */
function isAmong(right: readonly string[], given = ''): boolean {
  const codes = given.split(' ', mostCodes).map((code) => Buffer.from(code));
  return right
    .map((code) => Buffer.from(code))
    .some((each) => codes.some((code) => each.length === code.length && timingSafeEqual(each, code)));
}
