import type { Caller } from '#shared/contract/caller.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import { redeliveryOf } from '#shared/contract/redelivery.ts';
import { directivesOf } from './directives.ts';
import type { Directives } from './directives.ts';
import { namedSources, randomKey, selectHashKey } from './hash-key.ts';
import type { HashKeySource, KeyedRequest } from './hash-key.ts';
import { idempotencyKeyOf } from './idempotency-key.ts';
import type { ParsedRequest, AsyncFields, AsyncParsedRequest } from './parsed-request.ts';
import { preferenceOf } from './prefer.ts';

export interface RequestParserOptions {
  /** The setting `HASH_KEY`. */
  readonly hashKey: readonly HashKeySource[];
  /** The setting `IDEMPOTENCY_SCOPE`. */
  readonly idempotencyScope: 'shared' | 'caller';
  /** @returns the caller of a request. Called for async requests only. */
  readonly callerOf: (request: KeyedRequest) => Caller;
}

/**
 * Reads from the head of a request all that it asks for. Pure, except for the hash key of the source
 * `random`.
 */
export class RequestParser {
  readonly #options: RequestParserOptions;
  readonly #namedSources: readonly HashKeySource[];

  constructor(options: RequestParserOptions) {
    this.#options = options;
    this.#namedSources = namedSources(options.hashKey);
  }

  /**
   * Parses a request as its client sent it.
   * @param ip the client's address.
   * @param now ms since the epoch.
   * @throws {Problem} `request_malformed` that names the field which is wrong.
   */
  parse(request: HttpRequest, ip: string, now: number): ParsedRequest {
    const { target, headers } = request;
    const preference = preferenceOf(headers);
    const directives = directivesOf(headers, now);
    if (directives.callbacks !== undefined && !preference.respondAsync) {
      const detail = 'A callback is for async requests; send Prefer: respond-async with it.';
      throw new Problem('request_malformed', detail);
    }
    const keyed = { target, headers, ip };
    const idempotencyKey = idempotencyKeyOf(request, () => this.#keyOwner(keyed));
    const { respondAsync } = preference;
    const isAsync = respondAsync || idempotencyKey !== undefined || directives.keepsStream === true;
    const async = isAsync
      ? { caller: idempotencyKey?.caller ?? this.#options.callerOf(keyed), idempotencyKey }
      : undefined;
    const { key, hasRandomKey } = this.#hashKey(keyed, directives);
    return {
      request,
      ip,
      key,
      hasRandomKey,
      redelivery: redeliveryOf(request.method, headers),
      preference,
      directives,
      async,
    };
  }

  /**
   * Parses the request of a dead letter, which runs again as an async request. Its delay is over.
   * @param caller the first request's, which stays the caller whatever credentials it has now; undefined if
   * unknown.
   * @throws {Problem} `request_malformed` that names the field which is wrong.
   */
  parseAgain(request: HttpRequest, ip: string, now: number, caller: Caller | undefined): AsyncParsedRequest {
    const { target, headers } = request;
    const { notBefore: _, ...directives } = directivesOf(headers, now);
    const keyed = { target, headers, ip };
    const owner = caller ?? this.#options.callerOf(keyed);
    const idempotencyKey = idempotencyKeyOf(request, () => this.#keyOwner(keyed, owner));
    const async: AsyncFields = { caller: owner, idempotencyKey };
    const { key, hasRandomKey } = this.#hashKey(keyed, directives);
    return {
      request,
      ip,
      key,
      hasRandomKey,
      redelivery: redeliveryOf(request.method, headers),
      preference: preferenceOf(headers),
      directives,
      async,
    };
  }

  /** With a key that is random for each request, no two requests would be in order. */
  #hashKey(keyed: KeyedRequest, { ordered }: Directives): Pick<ParsedRequest, 'key' | 'hasRandomKey'> {
    let hasRandomKey = false;
    const random = (): string => {
      hasRandomKey = true;
      return randomKey();
    };
    const sources = ordered ? this.#namedSources : this.#options.hashKey;
    const key = selectHashKey(sources, keyed, random);
    return { key, hasRandomKey };
  }

  #keyOwner(keyed: KeyedRequest, caller: Caller = this.#options.callerOf(keyed)) {
    return {
      tenant: selectHashKey(this.#namedSources, keyed, () => ''),
      caller,
      ownKeys: this.#options.idempotencyScope === 'caller',
    };
  }
}
