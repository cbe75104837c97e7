import type { IdleTime, ProcessNumbers, WorkerLoad } from '#shared/contract/lease.ts';
import { ownVersion } from '#shared/process/own-version.ts';

/** What only the main thread can measure of itself. It sets these, and the lease thread writes them. */
export class SharedNumbers {
  /** Pass it to a `SharedNumbers` in another thread to share the values. */
  readonly buffer: SharedArrayBuffer;
  readonly #values: Float64Array;

  /** @param buffer of a `SharedNumbers` in another thread. */
  constructor(buffer = new SharedArrayBuffer(6 * Float64Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#values = new Float64Array(buffer);
  }

  set(
    heapBytes: number,
    eventLoopLagMs: number,
    { concurrency, utilisation }: WorkerLoad,
    idle: IdleTime | undefined,
  ): void {
    const idleness = [idle?.since ?? 0, idle?.remembers === true ? 1 : 0];
    this.#values.set([heapBytes, eventLoopLagMs, concurrency, utilisation, ...idleness]);
  }

  /** How long this worker has run nothing; undefined while it runs something. */
  get idle(): IdleTime | undefined {
    const [, , , , since = 0, remembers = 0] = this.#values;
    return since === 0 ? undefined : { since, remembers: remembers === 1 };
  }

  /** The numbers of this process; undefined until the main thread has measured its own. */
  get current(): ProcessNumbers | undefined {
    const [heapBytes = 0, eventLoopLagMs = 0, concurrency = 0, utilisation = 0] = this.#values;
    if (heapBytes === 0) return undefined;
    const load = { concurrency, utilisation: Math.round(utilisation * 1000) / 1000 };
    return { version: ownVersion, rssBytes: process.memoryUsage.rss(), heapBytes, eventLoopLagMs, load };
  }
}
