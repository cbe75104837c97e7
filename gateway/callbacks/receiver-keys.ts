import { hkdfSync } from 'node:crypto';

/** The prefix of keys in Standard Webhooks. */
const prefix = 'whsec_';
const keyBytes = 32;

/**
 * Derives the signing keys of one receiver, so that they do not verify the messages of other receivers:
 * HKDF-SHA-256 (RFC 5869) without a salt. The info names the use, its version and the origin.
 * @param secrets those of `CALLBACK_SECRET`.
 * @param origin of the callback's URL, as `URL.origin` has it.
 * @returns one key for each secret, in the form of Standard Webhooks.
 */
export function receiverSecrets(secrets: readonly string[], origin: string): string[] {
  return secrets.map((secret) => {
    const key = derivedKey(secret, `ringpost callback signature v1 ${origin}`);
    return prefix + key.toString('base64');
  });
}

/**
 * @param secret one of `CALLBACK_SECRET`.
 * @param info the use of the key; another use gives an unrelated key.
 */
export function derivedKey(secret: string, info: string): Buffer {
  const bytes = Buffer.from(secret.slice(prefix.length), 'base64');
  return Buffer.from(hkdfSync('sha256', bytes, '', info, keyBytes));
}

/** @returns the origin if a text is one and nothing else, e.g. `https://receiver.example`; else undefined. */
export function parseOrigin(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return undefined;
  // The URL of an origin alone has no more than a slash after it.
  return url.href === `${url.origin}/` ? url.origin : undefined;
}
