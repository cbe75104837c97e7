import { createHash } from 'node:crypto';
import { parseItem } from 'structured-headers';
import type { Caller } from '#shared/contract/caller.ts';
import { Problem } from '#shared/contract/errors.ts';
import { headerValue } from '#shared/contract/headers.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import { headerValues } from './field-values.ts';
import { checkFieldSize } from './own-fields.ts';

/** The `Idempotency-Key` of a request (draft-ietf-httpapi-idempotency-key-header). */
export interface IdempotencyKey {
  /**
   * Digest of method, target, hash key and idempotency key, and of the caller if each caller has its own
   * keys.
   */
  readonly scope: string;
  /** Digest of the body. A request with the same scope and another fingerprint is another request. */
  readonly fingerprint: string;
  /** Only this caller gets the answer. */
  readonly caller: Caller;
}

/** Whose keys the key of a request is compared with. */
export interface KeyOwner {
  /** The hash key of the request, unless that is random. */
  readonly tenant: string | undefined;
  readonly caller: Caller;
  /** Whether each caller has its own keys. */
  readonly ownKeys: boolean;
}

/** For safe methods the field has no meaning: they can be repeated anyway (RFC 9110 9.2.1). */
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
const maxKeyLength = 255;

/**
 * @param ownerOf called only if there is a key.
 * @returns undefined for a request without a key, or with a safe method.
 * @throws {Problem} `request_malformed` for a key that is not valid.
 */
export function idempotencyKeyOf(
  { method, target, headers, body }: HttpRequest,
  ownerOf: () => KeyOwner,
): IdempotencyKey | undefined {
  const field = headerValue(headers, 'idempotency-key');
  if (field === undefined) return undefined;
  if (headerValues(headers, 'idempotency-key').length > 1) {
    throw new Problem('request_malformed', 'Idempotency-Key is there twice; send one.');
  }
  checkFieldSize('Idempotency-Key', field.length);
  if (safeMethods.has(method)) return undefined;
  // Node's parser has removed spaces and tabs. Trimming more would change the bytes of a key that is not
  // ASCII.
  const key = unquoted(field);
  if (key === '' || key.length > maxKeyLength) {
    throw new Problem('request_malformed', `Idempotency-Key must have 1 to ${maxKeyLength} characters.`);
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
 * @param text of the field: a String (RFC 9651), as the draft has it, or the key without quotes, as many
 * clients send it.
 * @returns the key without quotes and parameters, so that both spellings are one key.
 */
function unquoted(text: string): string {
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
