import { isUtf8 } from 'node:buffer';
import { asBuffer } from './body.ts';
import { isProblemCode } from './errors.ts';
import type { ProblemCode } from './errors.ts';
import type { HttpReply } from './http.ts';
import { isCount } from './json-object.ts';

/** The head of an answer. */
export type ReplyHead = Pick<HttpReply, 'problem' | 'status' | 'reason' | 'headers'>;

/** How a request was run, as its worker says with the reply. Times are in ms. */
export interface Run {
  /** How much time was left until the deadline when the handler was called. */
  readonly leftMs: number;
  /** How long the handler ran. */
  readonly serviceMs: number;
  /** 1 for the first run. */
  readonly attempt: number;
  /** The worker, as `adopterOf` names it, if it has adopted the queue; undefined for the replica's own. */
  readonly adopter: string | undefined;
}

/** A reply on its way to the gateway that waits for it. */
export interface Reply {
  /** The request's id. */
  readonly id: string;
  readonly status: number;
  /** As in {@link HttpReply}. */
  readonly reason?: string;
  readonly headers: readonly string[];
  /** As in {@link HttpReply}. Workers of the previous release do not say. */
  readonly problem?: ProblemCode;
  /** The bytes; undefined if they are stored in their own key, or were sent before. */
  readonly body: Uint8Array | undefined;
  /** The frame that has the bytes, if they were sent before. */
  readonly bodyFrame?: BodyFrame;
  /** How many bytes are stored in their own key. Workers of the previous release do not say. */
  readonly storedBytes?: number;
  /** Undefined if the handler was not called, or the worker is of an earlier release. */
  readonly run?: Run;
}

/** The frame of a whole reply's bytes, which is before the reply in the same inbox. */
export interface BodyFrame {
  /** That of the worker's lease. */
  readonly fence: number;
  readonly length: number;
}

/** A {@link Run} as it is written: `[leftMs, serviceMs]`, then the attempt and the adopter if they matter. */
type RunTuple = readonly [left: number, service: number, attempt?: number, adopter?: string | undefined];

/** The line of JSON at the start of a frame that has the head of an answer. */
export interface HeadLine {
  readonly id: string;
  readonly status: number;
  readonly problem?: ProblemCode | undefined;
  readonly reason?: string | undefined;
  readonly headers: readonly string[];
  /** How many bytes are stored in their own key; `true` from a worker of the previous release. */
  readonly stored?: number | true | undefined;
  readonly run?: RunTuple | undefined;
  /** The answer is a stream: its fence and its first credit. */
  readonly stream?: readonly [fence: number, credit: number];
  /** The body was sent before, in a frame of its own: its fence and its length. */
  readonly body?: readonly [fence: number, length: number];
  /** Early hints, which are followed by the answer. */
  readonly hints?: true;
}

const newline = 0x0a;

/** @returns the head of an answer, without its other properties. */
export function headOf({ problem, status, reason, headers }: ReplyHead): ReplyHead {
  if (problem !== undefined) return { problem, status, headers };
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
 * @param run how the request was run; undefined if its handler was not called.
 */
export function encodeReply(
  id: string,
  reply: HttpReply<Uint8Array | string>,
  stored = false,
  run?: Run,
): ReplyFrame {
  const { body } = reply;
  const line = encodeHeadLine(id, reply, run, stored ? { stored: Buffer.byteLength(body) } : undefined);
  if (stored || body.length === 0) return line;
  if (typeof body === 'string' && body.length <= textLimit) return line + body;
  return joinFrame(line, typeof body === 'string' ? Buffer.from(body, 'utf8') : asBuffer(body));
}

/**
 * @param rest the other properties of the line.
 * @returns the head of an answer as one line of JSON, with the line feed.
 */
export function encodeHeadLine(
  id: string,
  { problem, status, reason, headers }: ReplyHead,
  run: Run | undefined,
  rest: Pick<HeadLine, 'stored' | 'stream' | 'body' | 'hints'> | undefined,
): string {
  const head: HeadLine = { id, status, reason, headers, problem, ...rest, run: run && tupleOf(run) };
  return `${JSON.stringify(head)}\n`;
}

/** @returns the frame that has a line, with its line feed, and then bytes. */
export function joinFrame(line: string, bytes: Buffer): ReplyFrame {
  if (bytes.length <= textLimit && isUtf8(bytes)) return line + bytes.toString('utf8');
  return Buffer.concat([Buffer.from(line, 'utf8'), bytes]);
}

/**
 * @throws {SyntaxError} if the bytes are not a frame, or its head is not that of a reply.
 */
export function decodeReply(frame: Buffer): Reply {
  const { head, bytes } = splitReply(frame);
  return replyOf(head, bytes);
}

/**
 * @returns the head of a reply's frame, and the bytes that follow it.
 * @throws {SyntaxError} if the bytes are not a frame, or its head is not that of a reply.
 */
export function splitReply(frame: Buffer): { readonly head: HeadLine; readonly bytes: Buffer } {
  const end = frame.indexOf(newline);
  if (end < 0) throw new SyntaxError('a reply frame has no head');
  const head: unknown = JSON.parse(frame.toString('utf8', 0, end));
  if (!isHead(head)) throw new SyntaxError('the head of a reply frame is of another shape');
  return { head, bytes: frame.subarray(end + 1) };
}

/** @param bytes those that follow the head in its frame. */
export function replyOf(head: HeadLine, bytes: Buffer): Reply {
  const { id, status, reason, headers, problem, stored } = head;
  const read = runOf(head.run);
  const known = {
    id,
    status,
    headers,
    ...(reason === undefined ? {} : { reason }),
    ...(isProblemCode(problem) ? { problem } : {}),
    ...(read === undefined ? {} : { run: read }),
  };
  if (head.body !== undefined) {
    const [fence, length] = head.body;
    return { ...known, body: undefined, bodyFrame: { fence, length } };
  }
  if (stored === undefined) return { ...known, body: bytes };
  return { ...known, body: undefined, ...(typeof stored === 'number' ? { storedBytes: stored } : {}) };
}

function tupleOf({ leftMs, serviceMs, attempt, adopter }: Run): RunTuple {
  const [left, service] = [tenths(leftMs), tenths(serviceMs)];
  if (adopter !== undefined) return [left, service, attempt, adopter];
  return attempt === 1 ? [left, service] : [left, service, attempt];
}

/** @returns the run that a tuple stands for; undefined for anything else, which another release may write. */
function runOf(value: unknown): Run | undefined {
  if (!Array.isArray(value)) return undefined;
  const [leftMs, serviceMs, attempt = 1, adopter]: unknown[] = value;
  if (typeof leftMs !== 'number' || typeof serviceMs !== 'number' || typeof attempt !== 'number')
    return undefined;
  return { leftMs, serviceMs, attempt, adopter: typeof adopter === 'string' ? adopter : undefined };
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function isHead(value: unknown): value is HeadLine {
  if (typeof value !== 'object' || value === null) return false;
  // The type of each field is checked below.
  const { id, status, reason, headers, stream, body } = value as Record<keyof HeadLine, unknown>;
  if (typeof id !== 'string' || !isStatus(status) || !Array.isArray(headers)) return false;
  if (reason !== undefined && typeof reason !== 'string') return false;
  for (const text of headers) if (typeof text !== 'string') return false;
  return headers.length % 2 === 0 && isPairIfAny(stream) && isPairIfAny(body);
}

/** @returns whether a value is two counts, or undefined. */
function isPairIfAny(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 2 && value.every(isCount));
}

/** @returns whether Node can write the value in a status line. */
function isStatus(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 100 && value <= 999;
}
