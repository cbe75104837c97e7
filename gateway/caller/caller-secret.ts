import { hkdfSync, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { GarbledError, KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { ringStaleMs } from '#shared/settings/common.ts';

/** The secret by which the digests of callers are made. All gateways of a namespace have the same. */
export interface CallerSecret {
  /** The key of the digests, derived from the secret. */
  readonly key: Buffer;
  /** Makes certain that the secret is that of all gateways; rejects if Redis does not say so. */
  confirm(): Promise<void>;
}

/** Names what the derived key is for, so that the secret can serve for something else too (RFC 5869 3.2). */
const purpose = 'ringpost caller digest 1';

function derive(secret: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', purpose, 32));
}

/** The setting `CALLER_SECRET`. */
export function givenSecret(secret: string): CallerSecret {
  const key = derive(secret);
  return { key, confirm: () => Promise.resolve() };
}

const form = /^[\w-]{43}$/;
const isSecret = (text: string): boolean => form.test(text);
/** How often a starting gateway looks whether another one has put the secret back, in ms. */
const lookEveryMs = 50;

/**
 * A random secret in Redis, for gateways without `CALLER_SECRET`. The first gateway of a namespace puts it there. If
 * Redis loses it, a gateway that runs puts its own one back. So all have the same one, and the claims and records that
 * were made since by any of them can still be read.
 */
export class SharedSecret implements CallerSecret {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;
  #secret = randomBytes(32).toString('base64url');
  #key = derive(this.#secret);
  /** Whether the secret has stood in Redis, so that others may have it. */
  #stood = false;

  /** @param redis a fail-fast connection. */
  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#repair = new KeyRepair(redis, keys, log);
  }

  get key(): Buffer {
    return this.#key;
  }

  async confirm(): Promise<void> {
    let standing = await this.#standing();
    // A new secret must not come before one that others have.
    if (standing === undefined && !this.#stood) standing = await this.#ofOthers();
    standing ??= await this.#putBack();
    this.#stood = true;
    if (standing === this.#secret) return;
    this.#secret = standing;
    this.#key = derive(standing);
  }

  /**
   * Asks the gateways that run for their secret. One that does not put it back in time does not take requests any more,
   * since its ring is stale too, and takes the new secret before it does again.
   */
  async #ofOthers(): Promise<string | undefined> {
    const until = performance.now() + ringStaleMs;
    let standing: string | undefined;
    if ((await this.#redis.publish(this.#keys.callerSecretSought, '')) === 0) return undefined;
    while (standing === undefined && performance.now() < until) {
      await delay(lookEveryMs);
      standing = await this.#standing();
    }
    return standing;
  }

  /** @returns the secret in Redis, if there is one; one that cannot be read is moved aside. */
  #standing(): Promise<string | undefined> {
    const { callerSecret: key } = this.#keys;
    const read = async (): Promise<string | undefined> => {
      const text = await this.#redis.get(key);
      if (text === null) return undefined;
      if (!isSecret(text)) throw new GarbledError('the secret of callers cannot be read');
      return text;
    };
    return this.#repair.mending(read, () => [{ key, type: 'string', fits: isSecret }]);
  }

  /** @returns the secret that stands then: ours, or that of a gateway which came first. */
  async #putBack(): Promise<string> {
    const first = await this.#redis.set(this.#keys.callerSecret, this.#secret, 'NX', 'GET');
    return first ?? this.#secret;
  }
}
