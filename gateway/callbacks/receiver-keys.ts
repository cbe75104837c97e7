import { hkdfSync } from 'node:crypto';

/** As Standard Webhooks has them. */
const prefix = 'whsec_';
const keyBytes = 32;

/**
 * Derives the signing keys of one receiver, so that what it holds verifies nothing that others get: HKDF-SHA-256
 * (RFC 5869) without a salt. The info names the use, its version and the origin.
 * @param secrets those of `CALLBACK_SECRET`.
 * @param origin of the callback's URL, as `URL.origin` has it.
 * @returns one for each secret, in the form of Standard Webhooks.
 */
export function receiverSecrets(secrets: readonly string[], origin: string): string[] {
  return secrets.map((secret) => {
    const key = derivedKey(secret, `ringpost callback signature v1 ${origin}`);
    return prefix + key.toString('base64');
  });
}

/**
 * @param secret one of `CALLBACK_SECRET`.
 * @param info what the key is for; another one gives a key that has nothing to do with it.
 */
export function derivedKey(secret: string, info: string): Buffer {
  const bytes = Buffer.from(secret.slice(prefix.length), 'base64');
  return Buffer.from(hkdfSync('sha256', bytes, '', info, keyBytes));
}

/** @returns the origin that a text is and nothing else, e.g. `https://receiver.example`; undefined if it is none. */
export function parseOrigin(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return undefined;
  // A URL that is more than its origin has a longer form.
  return url.href === `${url.origin}/` ? url.origin : undefined;
}
