import { inStep } from './in-step.ts';

/** Between two measurements, in ms. */
const everyMs = 100;

/** Measures how late the event loop of this thread runs its timers. */
export class LoopDelay {
  readonly #onTurn: () => void;
  #end: (() => void) | undefined;
  #longestMs = 0;

  /** @param onTurn called every 100 ms. */
  constructor(onTurn: () => void = () => undefined) {
    this.#onTurn = onTurn;
  }

  start(): void {
    this.#end = inStep(everyMs, (lateMs) => this.#turn(lateMs));
  }

  stop(): void {
    this.#end?.();
  }

  /**
   * @returns the longest delay in ms since the last call; 0 if nothing was measured. Of the few measurements
   * of a second or two it is also the 99th percentile.
   */
  take(): number {
    const ms = this.#longestMs;
    this.#longestMs = 0;
    return Math.round(ms * 10) / 10;
  }

  #turn(lateMs: number): void {
    this.#longestMs = Math.max(this.#longestMs, lateMs);
    this.#onTurn();
  }
}
