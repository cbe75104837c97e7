import { isUtf8 } from 'node:buffer';

/** Bodies of more bytes than this travel in a key of their own, as raw bytes. */
export const inlineBodyLimit = 64 * 1024;

/**
 * How a body travels inside JSON: text as text, other bytes as base64; `stored` ones travel in their own key.
 */
export type EncodedBody =
  | { readonly text: string }
  | { readonly base64: string }
  | { readonly stored: number };

/** @returns whether a value of a job's JSON is a body. */
export function isEncodedBody(value: unknown): value is EncodedBody {
  if (typeof value !== 'object' || value === null) return false;
  if ('text' in value) return typeof value.text === 'string';
  if ('base64' in value) return typeof value.base64 === 'string';
  return 'stored' in value && typeof value.stored === 'number';
}

/** @returns the same bytes, in the same memory, with the methods of a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** @returns the body for JSON, or undefined for an empty one. */
export function encodeBody(body: Uint8Array): EncodedBody | undefined {
  if (body.length === 0) return undefined;
  if (body.length > inlineBodyLimit) return { stored: body.length };
  const bytes = asBuffer(body);
  return isUtf8(bytes) ? { text: bytes.toString('utf8') } : { base64: bytes.toString('base64') };
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
