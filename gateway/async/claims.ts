import type { Redis } from 'ioredis';
import { parseObject } from '#shared/contract/json-object.ts';
import { GarbledError, KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { scriptsOn } from '#shared/store/scripts/load.ts';
import type { IdempotentRequest } from './idempotency.ts';

/** Which request has a key. */
export interface Claim {
  readonly id: string;
  readonly fingerprint: string;
  /** The digest of its caller; a claim of an earlier release has none. */
  readonly caller?: string;
}

/** Who has which idempotency key, for all gateways. */
export class Claims {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #ttlMs: number;
  readonly #repair: KeyRepair;

  /** @param ttlMs for how long after its end a request has its key, in ms. */
  constructor(redis: Redis, keys: Keys, ttlMs: number, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#ttlMs = ttlMs;
    this.#repair = new KeyRepair(redis, keys, log);
  }

  get ttlMs(): number {
    return this.#ttlMs;
  }

  /** @param finished when a request came to its end, in ms since the epoch. @returns whether its key is free since. */
  isOver(finished: number): boolean {
    return finished + this.#ttlMs <= clockOf(this.#redis).now();
  }

  /** @returns the time in ms for which a request has its key that has to be done by a deadline in ms since the epoch. */
  lifeMs(deadline: number): number {
    return Math.max(0, deadline - clockOf(this.#redis).now()) + this.#ttlMs;
  }

  /**
   * Claims a key for a request, where nobody has it. The request has it until the time of the keys has passed since its
   * end, which comes by its deadline.
   * @param instead the claim of a request that has made way.
   * @returns the claim that holds now: ours, or that of who came first.
   */
  claim(request: IdempotentRequest, id: string, deadline: number, instead?: Claim): Promise<Claim> {
    const key = this.#keys.idempotency(request.scope);
    const ours = claimText(request, id);
    const theirs = instead === undefined ? '' : JSON.stringify(instead);
    const claim = async (): Promise<Claim> => {
      const run = scriptsOn(this.#redis);
      const held = parseClaim(
        String(await run('claim-idempotency', key, ours, this.lifeMs(deadline), theirs)),
      );
      if (held === undefined) throw new GarbledError('an idempotency key has a claim that cannot be read');
      return held;
    };
    const fits = (text: string): boolean => parseClaim(text) !== undefined;
    return this.#repair.mending(claim, () => [{ key, type: 'string', fits }]);
  }

  /** @returns the time in ms for which a key will be claimed yet. */
  async remainingMs({ scope }: IdempotentRequest): Promise<number> {
    return Math.max(1, await this.#redis.pttl(this.#keys.idempotency(scope)));
  }

  /** Releases the key of a request that was not taken: the next one that has the key begins anew. */
  async release(request: IdempotentRequest, id: string): Promise<void> {
    await this.#expire(request, id, 0);
  }

  /**
   * A request has ended before its deadline. The key of one whose deadline is far away, measured by the time of the keys,
   * does not stay in Redis for that long; of most it is not worth a command.
   */
  async ended(request: IdempotentRequest, id: string, deadline: number): Promise<void> {
    if (this.lifeMs(deadline) > this.#ttlMs * 1.5) await this.#expire(request, id, this.#ttlMs);
  }

  async #expire(request: IdempotentRequest, id: string, ttlMs: number): Promise<void> {
    const key = this.#keys.idempotency(request.scope);
    await scriptsOn(this.#redis)('expire-idempotency', key, claimText(request, id), ttlMs);
  }
}

function claimText({ fingerprint, caller }: IdempotentRequest, id: string): string {
  return JSON.stringify({ id, fingerprint, caller: caller.digest } satisfies Claim);
}

function parseClaim(text: string): Claim | undefined {
  const { id, fingerprint, caller } = parseObject(text) ?? {};
  if (typeof id !== 'string' || typeof fingerprint !== 'string') return undefined;
  return typeof caller === 'string' ? { id, fingerprint, caller } : { id, fingerprint };
}
