import { backoffMs } from './replica-state.ts';

/**
 * The rollout of a new image or new settings, which replaces one worker at a time. If the new worker cannot
 * run, the rollout is retried after 1, 2, 4 … 30 s and reported, while the old workers go on.
 */
export class Rollout {
  #failures = 0;
  #notBefore = 0;
  #trouble: string | undefined;

  /** When the next attempt may be made, on the `performance.now()` clock. */
  get notBefore(): number {
    return this.#notBefore;
  }

  /** Why the rollout does not go on, or undefined if it does. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /**
   * A new worker could not be started, or ended before it took over.
   * @param now on the `performance.now()` clock.
   */
  failed(replica: string, reason: string, now: number): void {
    this.#failures += 1;
    this.#notBefore = now + backoffMs(this.#failures + 1);
    const times = this.#failures === 1 ? 'once' : `${this.#failures} times`;
    this.#trouble = `${replica} could not be rolled out: ${reason} (${times}; its old worker goes on)`;
  }

  /** No worker is outdated, or a new worker is ready to take over: failures are counted anew. */
  done(): void {
    this.#failures = 0;
    this.#notBefore = 0;
    this.#trouble = undefined;
  }
}
