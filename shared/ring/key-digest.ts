import { hash } from 'node:crypto';
import { bytesOfKey } from './key-text.ts';

/** What {@link keyDigest} returns: 16 lower-case hex digits. */
export const keyDigestPattern = /^[0-9a-f]{16}$/;

/**
 * Names a hash key in logs and listings that must not show it: the first 64 bits of SHA-256 over the bytes of
 * the key. It needs no secret, so that an operator can compute it: `printf %s tenant-7 | sha256sum`. A key
 * that can be guessed can be confirmed by its digest; one that is a credential cannot be guessed.
 * @param key as `keyOfBytes` returns it.
 * @returns 16 lower-case hex digits.
 */
export function keyDigest(key: string): string {
  return hash('sha256', bytesOfKey(key), 'hex').slice(0, 16);
}
