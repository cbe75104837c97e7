import { hkdfSync, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '#shared/process/logger.ts';
import { ringStaleMs } from '#shared/settings/common.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { SharedCallerSecret } from '#shared/store/records/shared-caller-secret.ts';

/** The secret by which the digests of callers are made. All gateways of a namespace have the same. */
export interface CallerSecret {
  /** The key of the digests, derived from the secret. */
  readonly key: Buffer;
  /** Makes sure that the secret is the one of all gateways. Rejects if Redis does not answer. */
  confirm(): Promise<void>;
}

/** Names the use of the derived key, so that the secret can serve other uses too (RFC 5869 3.2). */
const purpose = 'ringpost caller digest 1';

function derive(secret: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', purpose, 32));
}

/** The setting `CALLER_SECRET`. */
export function givenSecret(secret: string): CallerSecret {
  const key = derive(secret);
  return { key, confirm: () => Promise.resolve() };
}

/** How often a starting gateway checks whether another one has written the secret, in ms. */
const pollIntervalMs = 50;

/**
 * A random secret in Redis, for gateways without `CALLER_SECRET`. The first gateway of a namespace writes it.
 * If Redis loses it, a running gateway writes it again. So all gateways have the same secret, and can read
 * the claims and records that any of them made in the meantime.
 */
export class SharedSecret implements CallerSecret {
  readonly #shared: SharedCallerSecret;
  #secret = randomBytes(32).toString('base64url');
  #key = derive(this.#secret);
  /** Whether the secret was in Redis, so that other gateways may have it. */
  #confirmed = false;

  /** @param connection a fail-fast connection. */
  constructor(connection: Connection, log: Logger) {
    this.#shared = new SharedCallerSecret(connection, log);
  }

  get key(): Buffer {
    return this.#key;
  }

  async confirm(): Promise<void> {
    let secret = await this.#shared.read();
    // A new secret must not replace one that other gateways have.
    if (secret === undefined && !this.#confirmed) secret = await this.#askOthers();
    secret ??= await this.#shared.writeIfMissing(this.#secret);
    this.#confirmed = true;
    if (secret === this.#secret) return;
    this.#secret = secret;
    this.#key = derive(secret);
  }

  /**
   * Asks the running gateways for their secret. If one does not write it in time, its ring is stale by then,
   * so it accepts no requests; it takes the new secret before it accepts any.
   */
  async #askOthers(): Promise<string | undefined> {
    const until = performance.now() + ringStaleMs;
    let secret: string | undefined;
    if ((await this.#shared.askOthers()) === 0) return undefined;
    while (secret === undefined && performance.now() < until) {
      await delay(pollIntervalMs);
      secret = await this.#shared.read();
    }
    return secret;
  }
}
