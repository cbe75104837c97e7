const empty = Buffer.alloc(0);

/**
 * The bytes of an answer that are there when it begins. They are taken once, and nobody holds them after
 * that: what knows of a stream lives as long as it.
 */
export class FirstBytes {
  #bytes: Buffer;

  constructor(bytes: Buffer = empty) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** @returns the bytes at the first call, none at any other. */
  take(): Buffer {
    const bytes = this.#bytes;
    this.#bytes = empty;
    return bytes;
  }
}
