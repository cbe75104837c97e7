/** How far this host's clock is ahead of Redis's, in whole ms. One thread measures it, others read it. */
export class SharedSkew {
  /** Pass it to a `SharedSkew` in another thread to share the value. */
  readonly buffer: SharedArrayBuffer;
  readonly #ms: BigInt64Array;

  /** @param buffer of a `SharedSkew` in another thread. */
  constructor(buffer = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#ms = new BigInt64Array(buffer);
  }

  get aheadMs(): number {
    return Number(Atomics.load(this.#ms, 0));
  }

  set aheadMs(ms: number) {
    Atomics.store(this.#ms, 0, BigInt(ms));
  }
}
