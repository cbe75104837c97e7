import { asBuffer } from '#shared/contract/body.ts';
import { problemReply } from '#shared/contract/problem.ts';
import type { HttpReply } from '#shared/contract/http.ts';
import { uncountedBytes } from './reply-budget.ts';
import type { ReplyBudget } from './reply-budget.ts';

/** How many bytes are requested ahead, so that not every chunk makes a request. */
const aheadBytes = 256 * 1024;
/** How many of the first chunks of an answer are kept as they arrive, whatever their size. */
const keptChunks = 16;
/** Later chunks that are smaller than this are copied together: each chunk costs memory besides its bytes. */
const smallChunkBytes = 32 * 1024;
const blockBytes = 64 * 1024;

const empty = Buffer.alloc(0);

/** The body of one answer while it is read. It keeps to the limit, and is counted in the worker's budget. */
export class GatheredBody {
  readonly #budget: ReplyBudget;
  readonly #id: string;
  readonly #parts: Buffer[] = [];
  #length = 0;
  /** How many bytes it may have without asking for more. */
  #held = uncountedBytes;
  /** Its length, if that is known and not small; else 0. */
  #expected = 0;
  /**
   * The memory for the whole body, if its length is known. It is allocated for the first byte, not while it
   * waits.
   */
  #exact: Buffer | undefined;
  /** Small chunks, copied together. */
  #block: Buffer | undefined;
  #blockLength = 0;

  /** @param id the request's id. */
  constructor(budget: ReplyBudget, id: string) {
    this.#budget = budget;
    this.#id = id;
  }

  /**
   * Announces the exact length of the body before its first byte.
   * @param bytes at most the limit.
   * @param onHeld called later, at most once, if the reader has to wait.
   * @returns whether the reader may read.
   */
  expect(bytes: number, onHeld: () => void): boolean {
    if (bytes <= this.#held) return true;
    this.#held = bytes;
    this.#expected = bytes;
    return this.#budget.hold(this.#id, bytes, onHeld);
  }

  /**
   * @returns false if the answer is larger than the limit: then it is not kept, and nothing more is to be
   * read.
   */
  add(chunk: Uint8Array): boolean {
    const at = this.#length;
    this.#length += chunk.length;
    if (this.#length > this.#budget.limitBytes) {
      this.#forget();
      return false;
    }
    if (at === 0 && this.#expected > 0) this.#exact = Buffer.allocUnsafeSlow(this.#expected);
    if (this.#exact !== undefined && this.#length <= this.#exact.length) {
      this.#exact.set(chunk, at);
      return true;
    }
    if (this.#exact !== undefined) {
      // It is longer than announced.
      this.#parts.push(this.#exact.subarray(0, at));
      this.#exact = undefined;
    }
    if (this.#parts.length < keptChunks || chunk.length >= smallChunkBytes) {
      this.#endBlock();
      this.#parts.push(asBuffer(chunk));
    } else {
      if (this.#blockLength + chunk.length > blockBytes) this.#endBlock();
      this.#block ??= Buffer.allocUnsafeSlow(blockBytes);
      this.#block.set(chunk, this.#blockLength);
      this.#blockLength += chunk.length;
    }
    return true;
  }

  /**
   * Call this before more is read.
   * @param onHeld called later, at most once, if the reader has to wait.
   * @returns whether the reader may read on.
   */
  mayGrow(onHeld: () => void): boolean {
    if (this.#length < this.#held) return true;
    this.#held = Math.min(this.#length + aheadBytes, this.#budget.limitBytes);
    return this.#budget.hold(this.#id, this.#held, onHeld);
  }

  /** @returns all bytes so far, and forgets them: a connection may keep this object alive. */
  whole(): Buffer {
    const whole = this.#exact === undefined ? this.#joined() : this.#exact.subarray(0, this.#length);
    this.#forget();
    return whole;
  }

  #joined(): Buffer {
    this.#endBlock();
    const [only = empty] = this.#parts;
    return this.#parts.length > 1 ? Buffer.concat(this.#parts, this.#length) : only;
  }

  #forget(): void {
    this.#parts.length = 0;
    this.#exact = undefined;
    this.#block = undefined;
    this.#blockLength = 0;
  }

  #endBlock(): void {
    if (this.#block === undefined || this.#blockLength === 0) return;
    this.#parts.push(Buffer.from(this.#block.subarray(0, this.#blockLength)));
    this.#blockLength = 0;
  }
}

/** Why the source of an answer is cancelled that is larger than the limit. */
export const answerTooLarge = 'the answer is too large';

/** @returns the reply in place of an answer that is larger than the limit. */
export function tooLargeReply(limitBytes: number): HttpReply {
  const detail = `The answer has more than ${limitBytes} bytes (REPLY_LIMIT_BYTES). It was not read on.`;
  return problemReply('reply_too_large', detail);
}
