import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { parseItem, serializeString } from 'structured-headers';
import type { Caller } from '#shared/contract/caller.ts';
import { headerValue } from '#shared/contract/headers.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import { Problem } from '#shared/errors.ts';
import { parseObject } from '#shared/json-object.ts';
import { GarbledError, KeyRepair } from '#shared/key-repair.ts';
import type { Keys } from '#shared/keys.ts';
import type { Logger } from '#shared/logger.ts';
import { scriptsOn } from '#shared/scripts/load.ts';
import { checkFieldSize } from '../dispatch/own-fields.ts';

/** A request that carries an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header). */
export interface IdempotentRequest {
  /** Method, target, hash key and idempotency key, as one digest: what the key is unique in; the caller may be in it too. */
  readonly scope: string;
  /** Digest of what the request sends: another one under the same key is another request. */
  readonly fingerprint: string;
  /** Nobody else gets the answer. */
  readonly caller: Caller;
}

/** Whose the idempotency key of a request is. */
export interface KeyOwner {
  /** The hash key of the request, where that is not random. */
  readonly tenant: string | undefined;
  readonly caller: Caller;
  /** Whether each caller has keys of its own. */
  readonly ownKeys: boolean;
}

/** @returns whose the key of a request of a client at `ip` is. */
export type OwnerOf = (request: HttpRequest, ip: string) => KeyOwner;

/** Which request has a key. */
export interface Claim {
  readonly id: string;
  readonly fingerprint: string;
  /** The digest of its caller; a claim of an earlier release has none. */
  readonly caller?: string;
}

/** For these the header says nothing: they may be repeated in any case, and are (RFC 9110 9.2.1). */
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
const mostKeyLength = 255;

/**
 * @param ownerOf asked where there is a key.
 * @returns undefined for a request without a key that counts.
 * @throws {Problem} `request_malformed` for a key that is none.
 */
export function idempotentRequest(
  { method, target, headers, body }: HttpRequest,
  ownerOf: () => KeyOwner,
): IdempotentRequest | undefined {
  const field = headerValue(headers, 'idempotency-key');
  if (field === undefined) return undefined;
  checkFieldSize('Idempotency-Key', field.length);
  if (safeMethods.has(method)) return undefined;
  const key = keyOf(field.trim());
  if (key === '' || key.length > mostKeyLength) {
    throw new Problem('request_malformed', `Idempotency-Key must have 1 to ${mostKeyLength} characters.`);
  }
  const { tenant, caller, ownKeys } = ownerOf();
  const own = ownKeys ? [caller.digest] : [];
  return {
    scope: digest(JSON.stringify([method, target, tenant ?? null, key, ...own])),
    fingerprint: digest(body),
    caller,
  };
}

/**
 * @param text of the field: a String (RFC 9651), as the draft has it, or the key without quotes, as many clients send it.
 * @returns the key as it is written, without parameters; the two spellings of a key are two keys.
 */
function keyOf(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    const [key] = parseItem(text);
    return serializeString(String(key));
  } catch (error) {
    const detail =
      'Idempotency-Key begins with a quote; it must be a String of RFC 9651 then, such as "8e03".';
    throw new Problem('request_malformed', detail, { cause: error });
  }
}

function digest(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('base64url');
}

/** Who has which idempotency key, for all gateways. */
export class Claims {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #ttlMs: number;
  readonly #repair: KeyRepair;

  /** @param ttlMs for how long a key gives the first answer again, in ms. */
  constructor(redis: Redis, keys: Keys, ttlMs: number, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#ttlMs = ttlMs;
    this.#repair = new KeyRepair(redis, keys, log);
  }

  get ttlMs(): number {
    return this.#ttlMs;
  }

  /**
   * Claims a key for a request, where nobody has it.
   * @param instead a claim that came to nothing, and may be replaced.
   * @returns the claim that holds now: ours, or that of who came first.
   */
  claim(request: IdempotentRequest, id: string, instead?: Claim): Promise<Claim> {
    const key = this.#keys.idempotency(request.scope);
    const ours = claimText(request, id);
    const theirs = instead === undefined ? '' : JSON.stringify(instead);
    const claim = async (): Promise<Claim> => {
      const run = scriptsOn(this.#redis);
      const held = parseClaim(String(await run('claim-idempotency', key, ours, this.#ttlMs, theirs)));
      if (held === undefined) throw new GarbledError('an idempotency key has a claim that cannot be read');
      return held;
    };
    const fits = (text: string): boolean => parseClaim(text) !== undefined;
    return this.#repair.mending(claim, () => [{ key, type: 'string', fits }]);
  }

  /** Releases the key of a request that was not taken: the next one that has the key begins anew. */
  async release(request: IdempotentRequest, id: string): Promise<void> {
    const key = this.#keys.idempotency(request.scope);
    await scriptsOn(this.#redis)('release-idempotency', key, claimText(request, id));
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
