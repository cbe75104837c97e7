/** What one look counts at most, in times of the interval between looks. */
const mostOfAnInterval = 2;

/**
 * Measures how long an event loop has not turned. The loop raises a count in each turn that its timer brings; another
 * thread looks at the count. A look counts only the time since the look before, and little more than the interval between
 * looks: while the whole process is frozen, the loop does not stand still.
 */
export class LoopWatch {
  readonly #mostMs: number;
  #turns: number | undefined;
  #lookedAt = 0;
  #stoodMs = 0;

  /** @param everyMs between two looks, in ms. */
  constructor(everyMs: number) {
    this.#mostMs = mostOfAnInterval * everyMs;
  }

  /**
   * @param turns the loop's count.
   * @param now in ms, from a clock that never goes back.
   * @returns for how long the loop has stood still, in ms; 0 if it has turned since the last look.
   */
  look(turns: number, now: number): number {
    if (turns === this.#turns) this.#stoodMs += Math.min(now - this.#lookedAt, this.#mostMs);
    else this.#stoodMs = 0;
    this.#turns = turns;
    this.#lookedAt = now;
    return this.#stoodMs;
  }
}
