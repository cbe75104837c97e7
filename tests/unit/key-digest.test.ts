import { describe, expect, it } from 'vitest';
import { keyDigest, keyDigestPattern } from '../../shared/ring/key-digest.ts';
import { keyOfBytes } from '../../shared/ring/key-text.ts';

describe('the digest of a hash key', () => {
  it('is the start of what sha256sum says of its bytes, so that an operator can look for a key', () => {
    // printf %s tenant-7 | sha256sum
    expect(keyDigest('tenant-7')).toBe('d68629cd920ffa5d');
    expect(keyDigest(keyOfBytes('\xc3\xbc'))).toBe('607474ca475a9724');
    expect(keyDigest('')).toMatch(keyDigestPattern);
  });

  it('differs for keys of different bytes, even if none of them are UTF-8', () => {
    const digests = ['\xfc', '\xfd', '\xc3\xbc', ''].map((bytes) => keyDigest(keyOfBytes(bytes)));
    expect(new Set(digests).size).toBe(4);
  });
});
