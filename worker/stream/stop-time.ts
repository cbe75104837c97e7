/** When a worker that was told to stop has to have finished what it holds. */
export class StopTime {
  #at = Number.POSITIVE_INFINITY;

  /** @param inMs the drain timeout in ms. */
  begin(inMs: number): void {
    this.#at = performance.now() + inMs;
  }

  /** The time in ms that is left; Infinity if the worker goes on. */
  get leftMs(): number {
    return this.#at - performance.now();
  }
}
