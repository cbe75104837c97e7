import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeOffset, encodeOffset } from '#shared/contract/stream-offset.ts';

const offset = fc.nat({ max: Number.MAX_SAFE_INTEGER });

describe('the offset of a stream as text', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(offset, (bytes) => {
        expect(decodeOffset(encodeOffset(bytes))).toBe(bytes);
      }),
    );
  });

  it('compares as a text as the offset does as a number', () => {
    fc.assert(
      fc.property(offset, offset, (one, other) => {
        expect(encodeOffset(one) < encodeOffset(other)).toBe(one < other);
      }),
    );
  });

  it('may be the start or the present end', () => {
    expect(decodeOffset('-1')).toBe(0);
    expect(decodeOffset('now')).toBe('now');
  });

  it.each(['', '0', '-2', '1'.repeat(17), '000000000000000x', '9999999999999999', ' 00000000000000', 'NOW'])(
    'is not %j',
    (text) => {
      expect(decodeOffset(text)).toBeUndefined();
    },
  );
});
