import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Between two samples, in ms. */
const resolution = 50;

/** Measures how late the event loop of this thread runs its timers. */
export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution });

  start(): void {
    this.#histogram.enable();
  }

  stop(): void {
    this.#histogram.disable();
  }

  /** @returns the 99th percentile of the delay in ms since the last call; 0 if nothing was measured. */
  take(): number {
    const histogram = this.#histogram;
    // A sample is the time between two timers, which are `resolution` apart if the loop is idle.
    const ms = histogram.count === 0 ? 0 : histogram.percentile(99) / 1e6 - resolution;
    histogram.reset();
    return Math.max(0, Math.round(ms * 10) / 10);
  }
}
