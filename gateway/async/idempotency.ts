import { createHash } from 'node:crypto';
import { parseItem } from 'structured-headers';
import type { Caller } from '#shared/contract/caller.ts';
import { headerValue } from '#shared/contract/headers.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import { Problem } from '#shared/contract/errors.ts';
import { headerValues } from '../caller/field-values.ts';
import { checkFieldSize } from '../request/own-fields.ts';

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
  if (headerValues(headers, 'idempotency-key').length > 1) {
    throw new Problem('request_malformed', 'Idempotency-Key is there twice; send one.');
  }
  checkFieldSize('Idempotency-Key', field.length);
  if (safeMethods.has(method)) return undefined;
  // The parser has taken off spaces and tabs; more would change the bytes of a key that is not ASCII.
  const key = keyOf(field);
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
 * @returns the key itself, without quotes and parameters: both spellings of it are one key.
 */
function keyOf(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    const [key] = parseItem(text);
    return String(key);
  } catch (error) {
    const detail =
      'Idempotency-Key begins with a quote; it must be a String of RFC 9651 then, such as "8e03".';
    throw new Problem('request_malformed', detail, { cause: error });
  }
}

function digest(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('base64url');
}
