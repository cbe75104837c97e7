/** Small chunks that wait are copied together into pieces of so many bytes: each by itself costs far more. */
const gatheredBytes = 4096;

const empty = Buffer.alloc(0);

/** Bytes of a stream that were read and not sent. */
export class WaitingBytes {
  #parts: Uint8Array[] = [];
  #length = 0;
  /** The buffer of the last part, if chunks are copied together there, and how many bytes it has. */
  #gathered = empty;
  #gatheredLength = 0;

  get length(): number {
    return this.#length;
  }

  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#length += chunk.length;
    // Most chunks are sent before the next one comes.
    if (this.#parts.length === 0 || chunk.length >= gatheredBytes / 2) {
      this.#parts.push(chunk);
      this.#gathered = empty;
      return;
    }
    if (this.#gathered.length - this.#gatheredLength < chunk.length) {
      this.#gathered = Buffer.allocUnsafeSlow(gatheredBytes);
      this.#gatheredLength = 0;
      this.#parts.push(empty);
    }
    this.#gathered.set(chunk, this.#gatheredLength);
    this.#gatheredLength += chunk.length;
    this.#parts[this.#parts.length - 1] = this.#gathered.subarray(0, this.#gatheredLength);
  }

  /** Takes the first bytes. @param length at most {@link length}. */
  take(length: number): Uint8Array[] {
    this.#gathered = empty;
    let [left, whole] = [length, 0];
    for (const part of this.#parts) {
      if (part.length > left) break;
      left -= part.length;
      whole += 1;
    }
    const parts = this.#parts.splice(0, whole);
    const [next] = this.#parts;
    if (left > 0 && next !== undefined) {
      parts.push(next.subarray(0, left));
      this.#parts[0] = next.subarray(left);
    }
    this.#length -= length;
    return parts;
  }

  clear(): void {
    this.#parts = [];
    this.#length = 0;
    this.#gathered = empty;
  }
}
