import { asBuffer } from '#shared/contract/body.ts';

/** Fewer bytes than this are put together with others. */
const blockBytes = 16 * 1024;

/** @returns the same bytes, copied if they are part of a much larger buffer, all of which would be held. */
export function ofOwn(bytes: Uint8Array): Buffer {
  return bytes.buffer.byteLength > 2 * bytes.length ? Buffer.from(bytes) : asBuffer(bytes);
}

/**
 * Bytes that wait until a client has taken those before them. They take little more memory than they have:
 * small ones are put together.
 */
export class WaitingBytes {
  #blocks: Buffer[] = [];
  /** How many bytes of the last block are in use. */
  #used = 0;
  #length = 0;

  /** How many bytes wait. */
  get length(): number {
    return this.#length;
  }

  add(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length === 0) return;
    this.#length += length;
    if (length >= blockBytes) {
      this.#close();
      this.#blocks.push(ofOwn(bytes));
      this.#used = length;
      return;
    }
    const room = (this.#blocks.at(-1)?.length ?? 0) - this.#used;
    const fitting = Math.min(room, length);
    this.#append(bytes.subarray(0, fitting));
    if (fitting === length) return;
    this.#blocks.push(Buffer.allocUnsafeSlow(blockBytes));
    this.#used = 0;
    this.#append(bytes.subarray(fitting));
  }

  /** @returns the next bytes; undefined if none wait. */
  take(): Buffer | undefined {
    if (this.#blocks.length === 1) this.#close();
    const block = this.#blocks.shift();
    this.#length -= block?.length ?? 0;
    return block;
  }

  /** Drops all bytes. */
  clear(): void {
    this.#blocks = [];
    this.#used = 0;
    this.#length = 0;
  }

  #append(bytes: Uint8Array): void {
    this.#blocks.at(-1)?.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** Nothing more is put into the last block. */
  #close(): void {
    const last = this.#blocks.at(-1);
    if (last !== undefined) this.#blocks[this.#blocks.length - 1] = last.subarray(0, this.#used);
    this.#used = 0;
  }
}
