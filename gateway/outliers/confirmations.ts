import type { Verdict } from './rule.ts';

/**
 * Lets verdicts on failing replicas wait until the counts of all replicas are newer than the verdict: each
 * worker reports at other times, and the others may have begun to fail at the same moment.
 */
export class Confirmations {
  readonly #since = new Map<string, number>();

  /**
   * @param verdicts of this pass. One that is missing begins anew when it is there again.
   * @param now in ms.
   * @param afterMs how old a verdict must be.
   * @returns the verdicts that stand. Slow replicas were compared over a whole interval and need not wait.
   */
  confirmed(verdicts: readonly Verdict[], now: number, afterMs: number): Verdict[] {
    const names = new Set(verdicts.map(({ name }) => name));
    for (const name of this.#since.keys()) if (!names.has(name)) this.#since.delete(name);
    return verdicts.filter(({ name, cause }) => {
      if (cause === 'slow') return true;
      const since = this.#since.get(name) ?? now;
      this.#since.set(name, since);
      // Also if the clock was set back.
      return Math.abs(now - since) >= afterMs;
    });
  }
}
