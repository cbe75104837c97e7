import type { Caller } from '#shared/contract/caller.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import type { Redelivery } from '#shared/contract/redelivery.ts';
import type { Directives } from './directives.ts';
import type { IdempotencyKey } from './idempotency-key.ts';
import type { Preference } from './prefer.ts';

/** A request and all that it asks for. It is parsed once, by `RequestParser`, and passed on. */
export interface ParsedRequest {
  readonly request: HttpRequest;
  /** The client's address. */
  readonly ip: string;
  /** The hash key; undefined if the request has none of the sources of `HASH_KEY`. */
  readonly key: string | undefined;
  /** The key was made up for this request, so nobody can look for it. */
  readonly hasRandomKey: boolean;
  /** Whether the request may run again; undefined if its `Ringpost-Retry` is not valid. */
  readonly redelivery: Redelivery | undefined;
  readonly preference: Preference;
  readonly directives: Directives;
  /**
   * Set for an async request: one with `Prefer: respond-async`, with an `Idempotency-Key`, or with
   * `Ringpost-Keep: stream`.
   */
  readonly async: AsyncFields | undefined;
}

/** What only an async request has, of which a record is kept. */
export interface AsyncFields {
  readonly caller: Caller;
  readonly idempotencyKey: IdempotencyKey | undefined;
}

/** An async request. */
export interface AsyncParsedRequest extends ParsedRequest {
  readonly async: AsyncFields;
}

/** @returns whether a request is async. */
export function isAsync(parsed: ParsedRequest): parsed is AsyncParsedRequest {
  return parsed.async !== undefined;
}
