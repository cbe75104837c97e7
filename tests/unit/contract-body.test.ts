import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBody, encodeBody, inlineBodyLimit } from '#shared/contract/body.ts';
import type { EncodedBody } from '#shared/contract/body.ts';

/** @returns the body as it is read from Redis. */
function overTheWire(body: EncodedBody | undefined): EncodedBody | undefined {
  return body === undefined ? undefined : (JSON.parse(JSON.stringify(body)) as EncodedBody); // just made
}

const allBytes = Uint8Array.from({ length: 256 }, (_, i) => i);

describe('a body inside JSON', () => {
  it('keeps its exact bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        expect(decodeBody(overTheWire(encodeBody(bytes)))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('keeps the exact bytes of a text, and is sent as text if no character needs a long escape', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const encoded = encodeBody(Buffer.from(text, 'utf8'));
        if (!/[^\b\t\n\f\r -\uffff]/.test(text)) expect(encoded).toEqual({ text });
        expect(decodeBody(overTheWire(encoded))).toEqual(Buffer.from(text, 'utf8'));
      }),
    );
  });

  it('keeps the exact bytes with any escapes, and is no longer than base64 if it has a long escape', () => {
    const unit = fc.constantFrom('a', 'é', '"', '\\', '\n', '\0', '\x1f', '\x7f', '\u2028');
    fc.assert(
      fc.property(fc.string({ unit, minLength: 1, maxLength: 200 }), (text) => {
        const bytes = Buffer.from(text, 'utf8');
        const wire = JSON.stringify(encodeBody(bytes));
        const frame = '{"base64":""}'.length;
        const maxBytes =
          text.includes('\0') || text.includes('\x1f') ? Math.ceil(bytes.length / 3) * 4 : bytes.length * 2;
        expect(Buffer.byteLength(wire)).toBeLessThanOrEqual(frame + maxBytes);
        expect(decodeBody(overTheWire(encodeBody(bytes)))).toEqual(bytes);
      }),
    );
  });

  it.each([
    ['zero bytes', Buffer.alloc(inlineBodyLimit), 'base64'],
    ['a terminal log full of escape sequences', Buffer.from('\x1b[1m\x1b[0m'.repeat(50)), 'base64'],
    ['a log with one escape sequence', Buffer.from(`\x1b[31m${'an ordinary line\n'.repeat(50)}`), 'text'],
    [
      'an ordinary JSON document',
      Buffer.from(JSON.stringify({ name: 'a "b"', list: ['one', 'two', 'three'] })),
      'text',
    ],
  ])('is sent in the shorter form: %s', (_, bytes, form) => {
    const encoded = encodeBody(bytes);
    expect(Object.keys(encoded ?? {})).toEqual([form]);
    expect(JSON.stringify(encoded).length).toBeLessThan(bytes.length * 1.6);
  });

  it.each([
    ['every byte', allBytes],
    ['a byte order mark', Buffer.from([0xef, 0xbb, 0xbf, 0x41])],
    ['the other byte order mark', Buffer.from([0xff, 0xfe, 0x41, 0])],
    ['a zero byte', Buffer.from([0])],
    ['a lone surrogate, which is not UTF-8', Buffer.from([0xed, 0xa0, 0x80])],
    ['an overlong form', Buffer.from([0xc0, 0x80])],
    ['a character cut off', Buffer.from('é').subarray(0, 1)],
    ['line separators', Buffer.from('\u2028\u2029\r\n')],
  ])('is unchanged after a round trip: %s', (_, bytes) => {
    expect(decodeBody(overTheWire(encodeBody(bytes)))).toEqual(Buffer.from(bytes));
  });

  it('contains only the part of the buffer that it views', () => {
    const view = Buffer.from('abcdef').subarray(2, 4);
    expect(encodeBody(view)).toEqual({ text: 'cd' });
    expect(encodeBody(new Uint8Array(allBytes.buffer, 200, 2))).toEqual({ base64: 'yMk=' });
  });

  it('is left out if it is empty', () => {
    expect(encodeBody(new Uint8Array(0))).toBeUndefined();
    expect(decodeBody(undefined)).toEqual(Buffer.alloc(0));
  });

  it('is read if the release before has written it, whose limit for inline bodies was 64 KiB', () => {
    const bytes = Buffer.alloc(63 * 1024, 'ä"');
    expect(decodeBody(overTheWire({ text: bytes.toString() }))).toEqual(bytes);
    expect(decodeBody(overTheWire({ base64: bytes.toString('base64') }))).toEqual(bytes);
  });

  it.each([0x61, 0xff])(
    'is inline up to the limit, and above it only its size is given (byte %i)',
    (byte) => {
      for (const size of [inlineBodyLimit - 1, inlineBodyLimit]) {
        const bytes = Buffer.alloc(size, byte);
        expect(decodeBody(overTheWire(encodeBody(bytes)))?.equals(bytes)).toBe(true);
      }
      const above = encodeBody(Buffer.alloc(inlineBodyLimit + 1, byte));
      expect(above).toEqual({ stored: inlineBodyLimit + 1 });
      expect(decodeBody(above)).toBeUndefined();
    },
  );
});
