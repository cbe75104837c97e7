import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashKey } from '../../shared/ring/key-hash.ts';
import { bytesOfKey, keyOfBytes, shownKey } from '../../shared/ring/key-text.ts';

const bytes = fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each));
const latin1 = (each: Buffer): string => each.toString('latin1');

describe('a hash key', () => {
  it('is converted back to the same bytes, whatever they are', () => {
    fc.assert(
      fc.property(bytes, (each) => {
        expect(bytesOfKey(keyOfBytes(latin1(each))).equals(each)).toBe(true);
      }),
    );
  });

  it('is the text that its bytes encode if they are UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(keyOfBytes(latin1(Buffer.from(text, 'utf8')))).toBe(text);
      }),
    );
  });

  it('differs for different bytes, even if none of them are UTF-8', () => {
    const keys = ['\xfc', '\xfd', '\xfc\xfd', '\xc3', '\xc3\xbc', '\xed\xb3\xbc', '\xef\xbf\xbd'].map(
      keyOfBytes,
    );
    expect(new Set(keys.map((key) => bytesOfKey(key).toString('hex'))).size).toBe(keys.length);
    expect(new Set(keys.map(hashKey)).size).toBe(keys.length);
  });

  it('is displayed as text without lone surrogates', () => {
    expect(shownKey(keyOfBytes('\xc3\xbc'))).toBe('ü');
    expect(shownKey(keyOfBytes('a\xfcb'))).toBe('a\ufffdb');
    fc.assert(fc.property(bytes, (each) => shownKey(keyOfBytes(latin1(each))).isWellFormed()));
  });

  it('is hashed with MurmurHash3 over its bytes', () => {
    // Computed by a second implementation, in Python, over the bytes.
    expect([keyOfBytes('\xfc'), keyOfBytes('a\xff\x80')].map(hashKey)).toEqual([0xc04c9176, 0xc87697fe]);
  });

  it('has bytes even if no bytes are converted to it', () => {
    expect(bytesOfKey('\ud800')).toEqual(Buffer.from('\ufffd', 'utf8'));
    expect(bytesOfKey('ü\udcfc')).toEqual(Buffer.from('ü\ufffd', 'utf8'));
  });
});
