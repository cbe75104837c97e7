import { Problem } from '#shared/contract/errors.ts';
import { rateText } from '#shared/contract/rate.ts';
import type { Rate } from '#shared/contract/rate.ts';
import type { Logger } from '#shared/process/logger.ts';
import { keyDigest } from '#shared/ring/key-digest.ts';
import { KeyRates } from '#shared/store/limits/key-rates.ts';
import type { Counted, RateLimits } from '#shared/store/limits/key-rates.ts';
import { commandFate } from '#shared/store/redis/command-fate.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { RedisOutage } from '#shared/store/redis/redis-outage.ts';
import type { ParsedRequest } from '../request/parsed-request.ts';
import { rateFields } from './rate-fields.ts';
import type { RateFields } from './rate-fields.ts';

export interface KeyRateLimitOptions {
  /** The fail-fast connection that the queues use. */
  readonly connection: Connection;
  readonly outage: RedisOutage;
  /** The setting `KEY_RATE`. */
  readonly rate: Rate | undefined;
  readonly log: Logger;
}

/** Refuses requests of hash keys that come too fast, counted over all gateways. */
export class KeyRateLimit {
  readonly #options: KeyRateLimitOptions;
  readonly #rates: KeyRates;
  #refused = 0;

  constructor(options: KeyRateLimitOptions) {
    this.#options = options;
    this.#rates = new KeyRates(options.connection, options.log);
  }

  /** How many requests were refused. */
  get refusedCount(): number {
    return this.#refused;
  }

  /** @returns whether a request is counted. One with a random key is not. */
  appliesTo({ key, hasRandomKey, directives }: ParsedRequest): boolean {
    if (this.#options.rate === undefined && directives.keyRate === undefined) return false;
    return key !== undefined && !hasRandomKey;
  }

  /**
   * Counts a request, which {@link appliesTo} is true for, before it is accepted.
   * @param tell is given the header fields of its answer, also if it is refused.
   * @throws {Problem} `key_rate_limited`; `redis_away`.
   */
  async admit({ key = '', directives }: ParsedRequest, tell: (fields: RateFields) => void): Promise<void> {
    const limits = { digest: keyDigest(key), all: this.#options.rate, own: directives.keyRate };
    const counted = await this.#count(limits);
    tell(rateFields(counted));
    if (counted.isAllowed) return;
    this.#refused += 1;
    const of = [counted.all, counted.own].find((state) => (state?.nextS ?? 0) > 0) ?? counted.all;
    const limit = of === undefined ? '' : ` ${rateText(of.rate)}`;
    throw new Problem(
      'key_rate_limited',
      `The requests with this key are limited to${limit}. Send it again after Retry-After.`,
    );
  }

  async #count(limits: RateLimits): Promise<Counted> {
    try {
      return await this.#rates.count(limits);
    } catch (error) {
      const isOver = commandFate(error) === 'unsent' && (await this.#options.outage.waitUntilOver());
      if (isOver) return this.#count(limits);
      throw new Problem('redis_away', 'Redis does not answer.', { cause: error });
    }
  }
}
