/** One check counts at most this many intervals. */
const maxIntervals = 2;

/**
 * Measures how long an event loop has not turned. A timer in that loop raises a count, and another thread
 * checks it. A check counts only the time since the last check, and at most two intervals: a process that was
 * frozen as a whole is not stalled.
 */
export class LoopWatch {
  readonly #maxMs: number;
  #turns: number | undefined;
  #checkedAt = 0;
  #stalledMs = 0;

  /** @param everyMs the interval between two checks, in ms. */
  constructor(everyMs: number) {
    this.#maxMs = maxIntervals * everyMs;
  }

  /**
   * @param turns the loop's count.
   * @param now in ms, from a clock that never goes back.
   * @returns how long the loop has been stalled, in ms; 0 if it has turned since the last check.
   */
  check(turns: number, now: number): number {
    if (turns === this.#turns) this.#stalledMs += Math.min(now - this.#checkedAt, this.#maxMs);
    else this.#stalledMs = 0;
    this.#turns = turns;
    this.#checkedAt = now;
    return this.#stalledMs;
  }
}
