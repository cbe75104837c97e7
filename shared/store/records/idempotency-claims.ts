import type { Caller } from '../../contract/caller.ts';
import { parseObject } from '../../contract/json-object.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { GarbledError, KeyRepair } from '../repair/key-repair.ts';
import { claimIdempotency, expireIdempotency } from '../scripts/idempotency.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** A request as the claim of its idempotency key describes it. */
export interface KeyedUse {
  /** Digest of all that the key is unique in. */
  readonly scope: string;
  /** Digest of what the request sends. */
  readonly fingerprint: string;
  readonly caller: Pick<Caller, 'digest'>;
}

/** The request that has a key. */
export interface Claim {
  readonly id: string;
  readonly fingerprint: string;
  /** The digest of its caller. A claim of an earlier release has none. */
  readonly caller?: string;
}

/** Which request has which idempotency key, for all gateways. */
export class IdempotencyClaims {
  /** How long a request keeps its key after its end, in ms. */
  readonly ttlMs: number;
  readonly #keys: Keys;
  readonly #redis: Redis;
  readonly #run: Run;
  readonly #clock: RedisClock;
  readonly #repair: KeyRepair;

  constructor(connection: Connection, ttlMs: number, log: Logger) {
    this.ttlMs = ttlMs;
    this.#keys = keysOf(connection);
    this.#redis = redisOf(connection);
    this.#run = createRun(connection);
    this.#clock = clockOf(connection);
    this.#repair = new KeyRepair(connection, log);
  }

  /** @param finished when a request ended, in ms since the epoch. @returns whether its key is free by now. */
  isOver(finished: number): boolean {
    return finished + this.ttlMs <= this.#clock.now();
  }

  /** @returns how long a request keeps its key, in ms, if it must end by `deadline` (ms since the epoch). */
  lifeMs(deadline: number): number {
    return Math.max(0, deadline - this.#clock.now()) + this.ttlMs;
  }

  /**
   * Claims a key for a request if the key is free. The request keeps it until {@link ttlMs} after its end,
   * which comes by its deadline at the latest.
   * @param replaced the claim of a request that has given up the key.
   * @returns the claim that holds then: this request's, or that of the request that came first.
   */
  claim(use: KeyedUse, id: string, deadline: number, replaced?: Claim): Promise<Claim> {
    const key = this.#keys.idempotency(use.scope);
    const claim = claimText(use, id);
    const other = replaced === undefined ? undefined : JSON.stringify(replaced);
    const act = async (): Promise<Claim> => {
      const call = { scope: use.scope, claim, ttlMs: this.lifeMs(deadline), replaced: other };
      const held = parseClaim(await this.#run(claimIdempotency, call));
      if (held === undefined) throw new GarbledError('an idempotency key has a claim that cannot be read');
      return held;
    };
    const fits = (text: string): boolean => parseClaim(text) !== undefined;
    return this.#repair.withRepair(act, () => [{ key, type: 'string', fits }]);
  }

  /** @returns how much longer a key is claimed, in ms; at least 1. */
  async remainingMs({ scope }: KeyedUse): Promise<number> {
    return Math.max(1, await this.#redis.pttl(this.#keys.idempotency(scope)));
  }

  /** Releases the key of a request that was not accepted. The next request with the key is a new one. */
  async release(use: KeyedUse, id: string): Promise<void> {
    await this.#expire(use, id, 0);
  }

  /**
   * Shortens the claim of a request that has ended before its deadline. If the deadline is near, compared to
   * {@link ttlMs}, that is not worth a command.
   */
  async end(use: KeyedUse, id: string, deadline: number): Promise<void> {
    if (this.lifeMs(deadline) > this.ttlMs * 1.5) await this.#expire(use, id, this.ttlMs);
  }

  async #expire(use: KeyedUse, id: string, ttlMs: number): Promise<void> {
    await this.#run(expireIdempotency, { scope: use.scope, claim: claimText(use, id), ttlMs });
  }
}

function claimText({ fingerprint, caller }: KeyedUse, id: string): string {
  return JSON.stringify({ id, fingerprint, caller: caller.digest } satisfies Claim);
}

function parseClaim(text: string): Claim | undefined {
  const { id, fingerprint, caller } = parseObject(text) ?? {};
  if (typeof id !== 'string' || typeof fingerprint !== 'string') return undefined;
  return typeof caller === 'string' ? { id, fingerprint, caller } : { id, fingerprint };
}
