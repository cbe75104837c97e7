import { isUtf8 } from 'node:buffer';

/** Bodies of more bytes than this travel in a key of their own, as raw bytes. */
export const inlineBodyLimit = 64 * 1024;

/**
 * How a body travels inside JSON: text as text, other bytes as base64; `stored` ones travel in their own key.
 * Text whose control characters JSON would make longer than base64 travels as base64.
 */
export type EncodedBody =
  | { readonly text: string }
  | { readonly base64: string }
  | { readonly stored: number };

/** @returns the same bytes, in the same memory, with the methods of a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** @returns the body for JSON, or undefined for an empty one. */
export function encodeBody(body: Uint8Array): EncodedBody | undefined {
  if (body.length === 0) return undefined;
  if (body.length > inlineBodyLimit) return { stored: body.length };
  const bytes = asBuffer(body);
  if (isUtf8(bytes)) {
    const text = bytes.toString('utf8');
    if (!swells(text, bytes)) return { text };
  }
  return { base64: bytes.toString('base64') };
}

/** A control character that JSON writes with six bytes; the others have a short escape. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const longEscape = /[\0-\x07\x0b\x0e-\x1f]/;

/** For each byte of a text, the bytes that JSON adds to it. */
const added = new Uint8Array(256).fill(5, 0, 0x20);
for (const character of '\b\t\n\f\r"\\') added[character.charCodeAt(0)] = 1;

/**
 * Whether JSON makes a text longer than base64 would. Looking is cheaper than counting, so only a text with a
 * long escape is counted. JSON makes any other one at most twice as long, and it stays readable.
 */
function swells(text: string, bytes: Uint8Array): boolean {
  if (!longEscape.test(text)) return false;
  let length = bytes.length;
  for (let at = 0; at < bytes.length; at += 1) length += added[bytes[at] ?? 0] ?? 0;
  return length > Math.ceil(bytes.length / 3) * 4;
}

const empty = Buffer.alloc(0);

/**
 * @returns the very bytes that were encoded; undefined for a body that is stored in a key of its own.
 */
export function decodeBody(body: EncodedBody | undefined): Buffer | undefined {
  if (body === undefined) return empty;
  if ('text' in body) return Buffer.from(body.text, 'utf8');
  if ('base64' in body) return Buffer.from(body.base64, 'base64');
  return undefined;
}
