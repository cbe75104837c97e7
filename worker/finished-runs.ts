/**
 * Remembers which requests that must not run again this worker has run to their end, each until its deadline: past
 * that it is not run in any case. Redis forgets some of what it was told last when it is killed; whoever has done the
 * work does not.
 */
export class FinishedRuns {
  /** Request id -> deadline, in ms since the epoch; in the order of finishing. */
  readonly #deadlines = new Map<string, number>();

  /** @param now ms since the epoch. */
  add(id: string, deadline: number, now: number): void {
    this.#deadlines.set(id, deadline);
    // Deadlines come much in the order of finishing; what is left behind one that is far off goes later.
    for (const [oldest, until] of this.#deadlines) {
      if (until > now) break;
      this.#deadlines.delete(oldest);
    }
  }

  has(id: string): boolean {
    // Most workers remember nothing, and a `Map` keeps each string that it is asked for.
    return this.#deadlines.size > 0 && this.#deadlines.has(id);
  }
}
