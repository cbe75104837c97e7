/** A time that one thread sets and others read. Its age grows while the process is frozen, too. */
export class SharedTime {
  /** Pass it to a `SharedTime` in another thread to share the time. */
  readonly buffer: SharedArrayBuffer;
  readonly #ns: BigInt64Array;

  /** @param buffer of a `SharedTime` in another thread; left out for a time that was never set. */
  constructor(buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
    this.#ns = new BigInt64Array(this.buffer);
    if (buffer === undefined) this.clear();
  }

  /** @param ns of `process.hrtime.bigint()`, which is one clock for all threads of a process. */
  set(ns: bigint): void {
    Atomics.store(this.#ns, 0, ns);
  }

  /** Makes it a time that was never set. */
  clear(): void {
    this.set(never);
  }

  /** How long ago it was, in ms; centuries if it was never set. */
  get ageMs(): number {
    return Number(process.hrtime.bigint() - Atomics.load(this.#ns, 0)) / 1e6;
  }
}

const never = -(2n ** 62n);
