import { isUtf8 } from 'node:buffer';
import { asBuffer } from './body.ts';
import type { HttpReply } from './http.ts';

/** The head of an answer. */
export type ReplyHead = Pick<HttpReply, 'status' | 'reason' | 'headers'>;

/** A reply on its way to the gateway that waits for it. */
export interface Reply {
  /** The request's id. */
  readonly id: string;
  readonly status: number;
  /** As in {@link HttpReply}. */
  readonly reason?: string;
  readonly headers: readonly string[];
  /** The bytes; undefined if they are stored in their own key. */
  readonly body: Uint8Array | undefined;
  /** How many bytes are stored in their own key. Workers of the previous release do not say. */
  readonly storedBytes?: number;
}

interface Head {
  readonly id: string;
  readonly status: number;
  readonly reason?: string;
  readonly headers: readonly string[];
  /** How many bytes are stored in their own key; `true` from a worker of the previous release. */
  readonly stored?: number | true;
}

const newline = 0x0a;

/** @returns the head of an answer, without its other properties. */
export function headOf({ status, reason, headers }: ReplyHead): ReplyHead {
  return reason === undefined ? { status, headers } : { status, reason, headers };
}

/**
 * Text bodies of up to this many bytes travel in a string, which costs the Redis client less than a Buffer.
 */
const textLimit = 4096;

/** A reply as it is written to Redis: bytes, or a string whose UTF-8 encoding is those bytes. */
export type ReplyFrame = Buffer | string;

/**
 * Encodes a reply as a frame: its head as one line of JSON, then the raw bytes of its body.
 * @param stored the body is stored in its own key, and the frame ends after the head.
 */
export function encodeReply(id: string, reply: HttpReply<Uint8Array | string>, stored = false): ReplyFrame {
  const { body } = reply;
  const head: Head = { id, ...headOf(reply), ...(stored ? { stored: Buffer.byteLength(body) } : {}) };
  const line = `${JSON.stringify(head)}\n`;
  if (stored || body.length === 0) return line;
  if (typeof body === 'string' && body.length <= textLimit) return line + body;
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : asBuffer(body);
  if (bytes.length <= textLimit && isUtf8(bytes)) return line + bytes.toString('utf8');
  return Buffer.concat([Buffer.from(line, 'utf8'), bytes]);
}

/**
 * @throws {SyntaxError} if the bytes are not a frame, or its head is not that of a reply.
 */
export function decodeReply(frame: Buffer): Reply {
  const end = frame.indexOf(newline);
  if (end < 0) throw new SyntaxError('a reply frame has no head');
  const head: unknown = JSON.parse(frame.toString('utf8', 0, end));
  if (!isHead(head)) throw new SyntaxError('the head of a reply frame is of another shape');
  const { id, stored } = head;
  if (stored === undefined) return { id, ...headOf(head), body: frame.subarray(end + 1) };
  const size = typeof stored === 'number' ? { storedBytes: stored } : {};
  return { id, ...headOf(head), body: undefined, ...size };
}

function isHead(value: unknown): value is Head {
  if (typeof value !== 'object' || value === null) return false;
  // The type of each field is checked below.
  const { id, status, reason, headers } = value as Record<keyof Head, unknown>;
  if (typeof id !== 'string' || !isStatus(status) || !Array.isArray(headers)) return false;
  if (reason !== undefined && typeof reason !== 'string') return false;
  for (const text of headers) if (typeof text !== 'string') return false;
  return headers.length % 2 === 0;
}

/** @returns whether Node can write the value in a status line. */
function isStatus(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 100 && value <= 999;
}
