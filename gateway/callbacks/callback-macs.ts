import { createHmac, timingSafeEqual } from 'node:crypto';
import type { CallbackData, CallbackJobMessage } from '#shared/contract/callback.ts';
import { derivedKey } from './receiver-keys.ts';

/** The part of a callback job that never changes. */
type Fixed = Pick<CallbackData, 'url' | 'failureUrl' | 'deadline'>;
type Text = Pick<CallbackJobMessage, 'url' | 'payload'>;

const info = 'ringpost callback job v1';
const version = 'v1:';
/** How many codes of one job are compared; there is one for each secret. */
const maxCodes = 16;

/**
 * Codes (HMAC-SHA-256) that prove that a gateway has written a callback job. Others can write to Redis too,
 * and could make gateways sign and send what they like. There is one code for each secret, so that gateways
 * with a common secret accept each other's jobs while the secrets are being replaced.
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
  ofJob(id: string, job: Fixed): string {
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

  #jobCodes(id: string, { url, failureUrl, deadline }: Fixed): string[] {
    return this.#codes('job', id, url ?? null, failureUrl ?? null, deadline);
  }

  #messageCodes(id: string, { url, payload }: Text): string[] {
    return this.#codes('message', id, url, payload);
  }

  /** Different values never give the same JSON. */
  #codes(...values: readonly (string | number | null)[]): string[] {
    const text = JSON.stringify([info, this.#namespace, ...values]);
    return this.#keys.map((key) => version + createHmac('sha256', key).update(text).digest('base64url'));
  }
}

/** @param given codes, separated by spaces. @returns whether one of them is right. */
function isAmong(right: readonly string[], given = ''): boolean {
  const codes = given.split(' ', maxCodes).map((code) => Buffer.from(code));
  return right
    .map((code) => Buffer.from(code))
    .some((each) => codes.some((code) => each.length === code.length && timingSafeEqual(each, code)));
}
