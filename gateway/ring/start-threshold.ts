import type { RingState } from '#shared/store/ring-store.ts';
import type { RingWatcher } from './ring-watcher.ts';

/**
 * The threshold of a gateway's start. The first replicas of a new system come one by one, and the first one would get
 * every key. So a gateway is not ready before it has seen all desired replicas in the ring at once, or until the time for
 * that is over: a replica that cannot start holds nobody up for longer. That is seen once and stays: later losses are the
 * ring's matter. A gateway that joins a system whose ring is whole is ready at once.
 */
export class StartThreshold {
  readonly #watcher: RingWatcher;
  readonly #afterMs: number;
  #passed = false;
  /** When the ring had a replica first, by `performance.now()`: before there is nothing to be scattered. */
  #since: number | undefined;

  /** @param afterMs time in ms after which the gateway is ready in any case, from its first look at a ring with a replica. */
  constructor(watcher: RingWatcher, afterMs: number) {
    this.#watcher = watcher;
    this.#afterMs = afterMs;
    const stop = watcher.onChange(() => {
      if (this.#look(watcher.state)) stop();
    });
  }

  /** @returns the replicas that are waited for, and the most that it takes in ms; undefined once the threshold is passed. */
  waitsFor(): { readonly missing: readonly string[]; readonly ms: number } | undefined {
    const { state } = this.#watcher;
    if (this.#look(state)) return undefined;
    const ms = this.#since === undefined ? this.#afterMs : this.#since + this.#afterMs - performance.now();
    return { missing: missingIn(state), ms: Math.max(0, ms) };
  }

  /** @returns whether the threshold is passed. */
  #look(state: RingState): boolean {
    if (this.#passed || state.ring.size === 0) return this.#passed;
    this.#since ??= performance.now();
    this.#passed = missingIn(state).length === 0 || performance.now() - this.#since >= this.#afterMs;
    return this.#passed;
  }
}

function missingIn({ desired, ring }: RingState): string[] {
  return desired.map(({ name }) => name).filter((name) => !ring.has(name));
}
