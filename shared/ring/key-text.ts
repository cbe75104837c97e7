/**
 * A hash key is a sequence of bytes: a client may send it in a header field, a cookie, a path or a query.
 * Here it is a string, so that it can be compared and shown. Valid UTF-8 is decoded. In other keys each byte
 * from 0x80 on becomes the lone surrogate U+DC00 + byte, as in PEP 383, so that different bytes give
 * different strings.
 */
import { isUtf8 } from 'node:buffer';

const notAscii = /[^\0-\x7f]/;
const escaped = /^[\0-\x7f\udc80-\udcff]*$/;

/**
 * @param latin1 one character for each byte, as `node:http` reads the head of a request.
 * @returns the key that has these bytes.
 */
export function keyOfBytes(latin1: string): string {
  if (!notAscii.test(latin1)) return latin1;
  const bytes = Buffer.from(latin1, 'latin1');
  if (isUtf8(bytes)) return bytes.toString('utf8');
  return latin1.replaceAll(/[\x80-\xff]/g, (byte) => String.fromCharCode(0xdc00 + byte.charCodeAt(0)));
}

/**
 * @returns the bytes of a key. A string that no bytes give is encoded with U+FFFD for each lone surrogate.
 */
export function bytesOfKey(key: string): Buffer {
  if (key.isWellFormed() || !escaped.test(key)) return Buffer.from(key, 'utf8');
  // The low byte of U+DC80 to U+DCFF is the byte that it stands for; that of an ASCII character is its code.
  return Buffer.from(key, 'latin1');
}

/** @returns a key as text for people, with U+FFFD for each byte that could not be decoded. */
export function shownKey(key: string): string {
  return key.toWellFormed();
}
