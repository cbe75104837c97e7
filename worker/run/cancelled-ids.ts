/** An id is remembered for this time, in ms. A job that was on its way to the worker is there by then. */
const keptMs = 5000;
/** Ids that are remembered at most; the oldest is forgotten first. */
const mostIds = 10_000;

/**
 * Ids of requests that were cancelled a moment ago. The word may reach a worker before the job does, because they come
 * by different connections.
 */
export class CancelledIds {
  readonly #times = new Map<string, number>();
  #newest = Number.NEGATIVE_INFINITY;

  /** @param now in ms, by any clock that only goes on. */
  add(id: string, now: number): void {
    // The oldest come first.
    this.#times.delete(id);
    this.#times.set(id, now);
    this.#newest = now;
    for (const [oldest, time] of this.#times) {
      if (this.#times.size <= mostIds && now - time <= keptMs) break;
      this.#times.delete(oldest);
    }
  }

  /** Whether the request was cancelled within the last five seconds. */
  has(id: string, now: number): boolean {
    if (now - this.#newest > keptMs) this.#times.clear();
    const time = this.#times.get(id);
    return time !== undefined && now - time <= keptMs;
  }

  /** Whether none is remembered: this costs less than to ask for one. */
  get empty(): boolean {
    return this.#times.size === 0;
  }
}
