import { isOut } from '#shared/contract/ejection.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import type { RingWatcher } from './ring-watcher.ts';

/**
 * Keeps a gateway unready until it has once seen all desired replicas in the ring at the same time, or for a
 * limited time. The replicas of a new system join one by one, and the first one would get every key. A
 * gateway that joins a system whose ring is whole is ready at once.
 */
export class StartThreshold {
  readonly #watcher: RingWatcher;
  readonly #afterMs: number;
  #passed = false;
  /** When the ring first had a replica, on the `performance.now()` clock. Before, no key can move. */
  #since: number | undefined;

  /** @param afterMs the limit in ms, counted from when the ring first has a replica. */
  constructor(watcher: RingWatcher, afterMs: number) {
    this.#watcher = watcher;
    this.#afterMs = afterMs;
    const stop = watcher.onChange(() => {
      if (this.#check(watcher.state)) stop();
    });
  }

  /** @returns the missing replicas, and the remaining time in ms; undefined once the threshold is passed. */
  waitsFor(): { readonly missing: readonly string[]; readonly ms: number } | undefined {
    const { state } = this.#watcher;
    if (this.#check(state)) return undefined;
    const ms = this.#since === undefined ? this.#afterMs : this.#since + this.#afterMs - performance.now();
    return { missing: missingIn(state), ms: Math.max(0, ms) };
  }

  /** @returns whether the threshold is passed. */
  #check(state: RingState): boolean {
    if (this.#passed || state.ring.size === 0) return this.#passed;
    this.#since ??= performance.now();
    this.#passed = missingIn(state).length === 0 || performance.now() - this.#since >= this.#afterMs;
    return this.#passed;
  }
}

function missingIn({ desired, ring, drained, ejections }: RingState): string[] {
  const isKeptOut = (name: string): boolean => drained.has(name) || isOut(ejections.get(name));
  return desired.map(({ name }) => name).filter((name) => !ring.has(name) && !isKeptOut(name));
}
