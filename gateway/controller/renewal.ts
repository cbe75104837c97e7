import { backoffMs } from './replica-state.ts';

/**
 * What is remembered of renewing replicas, which goes on one at a time: a new image that cannot run is tried again
 * after 1, 2, 4 … 30 s, and told of, while the replicas of before serve on.
 */
export class Renewal {
  #failures = 0;
  #notBefore = 0;
  #trouble: string | undefined;

  /** When the next try may be made, by `performance.now()`. */
  get notBefore(): number {
    return this.#notBefore;
  }

  /** Why replicas are not renewed, or undefined where they are. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** A new worker could not be started, or ended before it took over. @param now by `performance.now()`. */
  failed(replica: string, reason: string, now: number): void {
    this.#failures += 1;
    this.#notBefore = now + backoffMs(this.#failures + 1);
    const times = this.#failures === 1 ? 'once' : `${this.#failures} times`;
    this.#trouble = `${replica} could not be renewed: ${reason} (${times}; it serves on as it is)`;
  }

  /** Nothing is left to renew. */
  done(): void {
    this.#failures = 0;
    this.#notBefore = 0;
    this.#trouble = undefined;
  }
}
