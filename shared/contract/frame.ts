/**
 * A frame is an entry of an inbox: one line of text, then bytes. The first character tells its kind. A frame
 * that begins with `{` has the head of an answer, as `reply.ts` writes it. `docs/frames.md` has the layouts.
 */
import { asBuffer } from './body.ts';
import { isProblemCode } from './errors.ts';
import type { ProblemCode } from './errors.ts';
import type { HttpReply } from './http.ts';
import { encodeHeadLine, joinFrame, replyOf, splitReply } from './reply.ts';
import type { Reply, ReplyFrame, ReplyHead, Run } from './reply.ts';

/** What a job says whose gateway reads these frames: `JobData.frames`. */
export const framesVersion = 1;

/** What it says if its gateway has room for a longer body frame ({@link maxBodyFrameBytes}). */
export const framesWithRoom = 2;

/** The most bytes of a whole answer that go in a body frame, if the gateway has room. */
const roomyBytes = 256 * 1024;

/**
 * @param frames of the job.
 * @returns the most bytes of a whole answer that go in a body frame.
 */
export function maxBodyFrameBytes(frames: number): number {
  return frames >= framesWithRoom ? roomyBytes : maxChunkBytes;
}

/** A chunk has at most this many bytes. */
export const maxChunkBytes = 64 * 1024;

/** A head has at most so many bytes of the answer. */
export const maxHeadBytes = 4 * 1024;

/** The credit that a head states. */
export const firstCredit = 64 * 1024;

/**
 * A gateway grants at most so many bytes beyond those that its client has taken. A worker concludes from a
 * grant what has arrived.
 */
export const windowBytes = 1024 * 1024;

/** The terms of a stream, which its head states. */
export interface StreamTerms {
  /** That of the lease under which the stream is sent. */
  readonly fence: number;
  /** The offset up to which the worker sends without a grant. */
  readonly credit: number;
}

/** Why an answer is not complete and never will be. */
export type AbortCode = ProblemCode;

/** `fence` is that of the worker's lease; `offset` is the position of the first byte in the answer. */
export type Frame =
  | { readonly kind: 'reply'; readonly reply: Reply }
  /** The bytes of the reply are the start of the answer. */
  | {
      readonly kind: 'head';
      readonly reply: Reply & { readonly body: Uint8Array };
      readonly terms: StreamTerms;
    }
  | { readonly kind: 'hints'; readonly id: string; readonly headers: readonly string[] }
  | {
      readonly kind: 'chunk';
      readonly id: string;
      readonly fence: number;
      readonly offset: number;
      readonly bytes: Buffer;
    }
  /** The whole answer was sent; it has `length` bytes. */
  | { readonly kind: 'end'; readonly id: string; readonly fence: number; readonly length: number }
  | { readonly kind: 'abort'; readonly id: string; readonly fence: number; readonly code: AbortCode }
  /** The bytes of the whole reply that follows. */
  | { readonly kind: 'body'; readonly id: string; readonly fence: number; readonly bytes: Buffer }
  /** The worker waits for credit at this offset. */
  | { readonly kind: 'blocked'; readonly id: string; readonly fence: number; readonly offset: number };

const newline = 0x0a;
const brace = 0x7b;

/**
 * Reads an entry of an inbox.
 * @throws {SyntaxError} if it is not a frame, or not of a kind that this release knows.
 */
export function decodeFrame(frame: Buffer): Frame {
  return frame[0] === brace ? decodeAnswer(frame) : decodeText(frame);
}

/** @param first the bytes of the answer that are there already. */
export function encodeHead(
  id: string,
  head: ReplyHead,
  first: Uint8Array,
  { fence, credit }: StreamTerms,
  run?: Run,
): ReplyFrame {
  return joinFrame(encodeHeadLine(id, head, run, { stream: [fence, credit] }), asBuffer(first));
}

/** @param headers those of an informational answer 103, as alternating names and values. */
export function encodeHints(id: string, headers: readonly string[]): ReplyFrame {
  return encodeHeadLine(id, { status: 103, headers }, undefined, { hints: true });
}

/** @param parts the bytes in turn, at most {@link maxChunkBytes}. */
export function encodeChunk(
  id: string,
  fence: number,
  offset: number,
  parts: readonly Uint8Array[],
): ReplyFrame {
  const [only] = parts;
  const bytes = parts.length === 1 && only !== undefined ? asBuffer(only) : Buffer.concat(parts);
  return joinFrame(`c ${fence} ${offset} ${id}\n`, bytes);
}

/** A frame as parts that follow one another. */
export type PartedFrame = readonly (string | Buffer)[];

/** A chunk of more bytes is not copied. */
const copiedBytes = 4 * 1024;

/** @returns what {@link encodeChunk} does, but does not copy the bytes of a large chunk together. */
export function encodeChunkUncopied(
  id: string,
  fence: number,
  offset: number,
  parts: readonly Uint8Array[],
): ReplyFrame | PartedFrame {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length <= copiedBytes) return encodeChunk(id, fence, offset, parts);
  return [`c ${fence} ${offset} ${id}\n`, ...parts.map(asBuffer)];
}

export function encodeEnd(id: string, fence: number, length: number): string {
  return `e ${fence} ${length} ${id}\n`;
}

export function encodeAbort(id: string, fence: number, code: AbortCode): string {
  return `a ${fence} ${code} ${id}\n`;
}

export function encodeBlocked(id: string, fence: number, offset: number): string {
  return `b ${fence} ${offset} ${id}\n`;
}

/**
 * Encodes the bytes of a whole reply, which are not copied. `encodeReplyAfterBody` makes the reply, which has
 * to follow.
 */
export function encodeBodyFrame(id: string, fence: number, bytes: Uint8Array): PartedFrame {
  return [`w ${fence} ${id}\n`, asBuffer(bytes)];
}

/** @returns the frame of a reply whose bytes are in the frame before, as {@link encodeBodyFrame} has it. */
export function encodeReplyAfterBody(
  id: string,
  reply: HttpReply<Uint8Array | string>,
  fence: number,
  run?: Run,
): ReplyFrame {
  return encodeHeadLine(id, reply, run, { body: [fence, Buffer.byteLength(reply.body)] });
}

function decodeAnswer(frame: Buffer): Frame {
  const { head, bytes } = splitReply(frame);
  if (head.hints === true) return { kind: 'hints', id: head.id, headers: head.headers };
  if (head.stream === undefined) return { kind: 'reply', reply: replyOf(head, bytes) };
  const [fence, credit] = head.stream;
  return { kind: 'head', reply: { ...replyOf(head, bytes), body: bytes }, terms: { fence, credit } };
}

/** Reads a frame whose line has words and no JSON. */
function decodeText(frame: Buffer): Frame {
  const end = frame.indexOf(newline);
  if (end < 0) throw new SyntaxError('a frame has no line');
  const words = frame.toString('latin1', 0, end).split(' ');
  const id = words.at(-1);
  if (id === undefined || id === '') throw new SyntaxError('a frame names no request');
  const bytes = frame.subarray(end + 1);
  const [kind, fenceWord, word] = words;
  const fence = count(fenceWord);
  if (kind === 'w' && words.length === 3) return { kind: 'body', id, fence, bytes };
  if (words.length !== 4) throw new SyntaxError(`a frame of the kind ${kind} has another number of words`);
  switch (kind) {
    case 'c':
      return { kind: 'chunk', id, fence, offset: count(word), bytes };
    case 'e':
      return { kind: 'end', id, fence, length: count(word) };
    case 'a':
      // Another release may know other codes.
      return { kind: 'abort', id, fence, code: isProblemCode(word) ? word : 'internal' };
    case 'b':
      return { kind: 'blocked', id, fence, offset: count(word) };
    default:
      throw new SyntaxError(`no frame is of the kind ${kind}`);
  }
}

/** @throws {SyntaxError} if a word is not a count. */
function count(word: string | undefined): number {
  const value = Number(word);
  if (word === undefined || !/^\d+$/.test(word) || !Number.isSafeInteger(value)) {
    throw new SyntaxError('a frame has a word that is not a count');
  }
  return value;
}
