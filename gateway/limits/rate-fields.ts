import type { ServerResponse } from 'node:http';
import { serializeList } from 'structured-headers';
import type { Item } from 'structured-headers';
import type { Counted } from '#shared/store/limits/key-rates.ts';

/** The header fields of an answer that say what its rate limits allow. */
export interface RateFields {
  readonly 'RateLimit-Policy': string;
  readonly RateLimit: string;
  /** In seconds. Only a refusal has it. */
  readonly 'Retry-After'?: string;
}

/**
 * Says what the limits of a request allow, in the fields of draft-ietf-httpapi-ratelimit-headers. The policy
 * `key` is that of `KEY_RATE`, `request` that of `Ringpost-Key-Rate`.
 */
export function rateFields({ isAllowed, all, own }: Counted): RateFields {
  const retryAfterS = Math.max(1, all?.nextS ?? 0, own?.nextS ?? 0);
  const policies: Item[] = [];
  const states: Item[] = [];
  for (const [name, state] of [
    ['key', all],
    ['request', own],
  ] as const) {
    if (state === undefined) continue;
    const { rate, remaining, resetS, nextS } = state;
    // A limit that refuses a request is at its end for the client at the time of `Retry-After`.
    const t = !isAllowed && nextS > 0 ? retryAfterS : resetS;
    policies.push([name, new Map(Object.entries({ q: rate.requests, w: rate.windowS }))]);
    states.push([name, new Map(Object.entries({ r: remaining, t }))]);
  }
  return {
    'RateLimit-Policy': serializeList(policies),
    RateLimit: serializeList(states),
    ...(isAllowed ? {} : { 'Retry-After': String(retryAfterS) }),
  };
}

/** Adds the fields to an answer that is written later, whose own fields of the same name replace them. */
export function setRateFields(response: ServerResponse, fields: RateFields): void {
  for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
}
