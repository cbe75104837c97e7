/** How long an id is remembered, in ms. A job that was on its way to the worker has arrived by then. */
const ttlMs = 5000;
/** How many ids are remembered at most. The oldest is forgotten first. */
const maxIds = 10_000;

/**
 * The ids of requests that were cancelled a moment ago. A cancellation may reach a worker before the job
 * does, because they use different connections.
 */
export class CancelledIds {
  readonly #times = new Map<string, number>();
  #newest = Number.NEGATIVE_INFINITY;

  /** @param now in ms, by a clock that never goes back. */
  add(id: string, now: number): void {
    // A map lists its entries in the order in which they were added, so that the oldest is first.
    this.#times.delete(id);
    this.#times.set(id, now);
    this.#newest = now;
    for (const [oldest, time] of this.#times) {
      if (this.#times.size <= maxIds && now - time <= ttlMs) break;
      this.#times.delete(oldest);
    }
  }

  /** Whether the request was cancelled within the last five seconds. */
  has(id: string, now: number): boolean {
    if (now - this.#newest > ttlMs) this.#times.clear();
    const time = this.#times.get(id);
    return time !== undefined && now - time <= ttlMs;
  }

  /** Whether no id is remembered. This is cheaper than to ask for one. */
  get empty(): boolean {
    return this.#times.size === 0;
  }
}
