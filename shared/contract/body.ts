import { isUtf8 } from 'node:buffer';

/** A body of more bytes than this is stored in its own key, as raw bytes. ADR 0071 has the measurements. */
export const inlineBodyLimit = 8 * 1024;

/**
 * A body inside JSON: UTF-8 as `text`, other bytes as `base64`; a `stored` body is in its own key.
 * Text is sent as base64 too if JSON's escapes would make it longer than base64 does.
 */
export type EncodedBody =
  | { readonly text: string }
  | { readonly base64: string }
  | { readonly stored: number };

/** @returns whether a value from a job's JSON is an encoded body. */
export function isEncodedBody(value: unknown): value is EncodedBody {
  if (typeof value !== 'object' || value === null) return false;
  if ('text' in value) return typeof value.text === 'string';
  if ('base64' in value) return typeof value.base64 === 'string';
  return 'stored' in value && typeof value.stored === 'number';
}

/** @returns a Buffer over the same memory. */
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

/** The control characters that JSON writes with six bytes; the others have a short escape. */
// oxlint-disable-next-line no-control-regex -- the expression searches for control characters
const longEscape = /[\0-\x07\x0b\x0e-\x1f]/;

/** How many bytes JSON adds to each byte of a text. */
const added = new Uint8Array(256).fill(5, 0, 0x20);
for (const character of '\b\t\n\f\r"\\') added[character.charCodeAt(0)] = 1;

/**
 * @returns whether JSON makes a text longer than base64 would. A search is cheaper than a count, so only
 * texts with a long escape are counted. JSON makes other texts at most twice as long, and they stay readable.
 */
function swells(text: string, bytes: Uint8Array): boolean {
  if (!longEscape.test(text)) return false;
  let length = bytes.length;
  for (let at = 0; at < bytes.length; at += 1) length += added[bytes[at] ?? 0] ?? 0;
  return length > Math.ceil(bytes.length / 3) * 4;
}

const empty = Buffer.alloc(0);

/** @returns the bytes that were encoded; undefined if they are stored in their own key. */
export function decodeBody(body: EncodedBody | undefined): Buffer | undefined {
  if (body === undefined) return empty;
  if ('text' in body) return Buffer.from(body.text, 'utf8');
  if ('base64' in body) return Buffer.from(body.base64, 'base64');
  return undefined;
}
