import type { Body } from './peer.ts';

/** The byte between the head and the body. JSON contains no line break outside of escapes. */
const separator = 10;

/** A head and a body as one message of bytes: a line of JSON, then the body as it is. */
export function toBytes(head: object, body: Body): Buffer {
  const line = `${JSON.stringify(head)}\n`;
  if (typeof body === 'string') return Buffer.from(line + body);
  return Buffer.concat([Buffer.from(line), body]);
}

/** The reverse of {@link toBytes}. The body shares the memory of the message. */
export function fromBytes(message: Uint8Array): { readonly head: unknown; readonly body: Buffer } {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const end = bytes.indexOf(separator);
  return { head: JSON.parse(bytes.toString('utf8', 0, end)), body: bytes.subarray(end + 1) };
}
