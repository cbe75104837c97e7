const empty = Buffer.alloc(0);

/**
 * The bytes of an answer that are there when it begins. Several objects refer to a stream until it ends. The
 * bytes are taken once, so that none of these objects keeps them in memory.
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
