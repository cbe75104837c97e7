/** A time that is set in one thread and read in others. It goes on while the process is frozen. */
export class SharedTime {
  /** What another thread makes a `SharedTime` of the same time from. */
  readonly buffer: SharedArrayBuffer;
  readonly #ns: BigInt64Array;

  /** @param buffer of a `SharedTime` in another thread. Without it, a time that was never set is made. */
  constructor(buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
    this.#ns = new BigInt64Array(this.buffer);
    if (buffer === undefined) this.clear();
  }

  /** @param ns as `process.hrtime.bigint()` tells it, which is one clock for all threads of a process. */
  set(ns: bigint): void {
    Atomics.store(this.#ns, 0, ns);
  }

  /** As if it had never been set. */
  clear(): void {
    this.set(never);
  }

  /** How long ago it was, in ms. A time that was never set is centuries ago. */
  get ageMs(): number {
    return Number(process.hrtime.bigint() - Atomics.load(this.#ns, 0)) / 1e6;
  }
}

const never = -(2n ** 62n);
