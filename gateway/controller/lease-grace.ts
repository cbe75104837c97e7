/**
 * The time in which a missing lease says nothing about its worker. After Redis was away, or lost its data,
 * live workers get as long to renew their leases as a lease lasts.
 */
export class LeaseGrace {
  readonly #leaseMs: number;
  #until = Number.NEGATIVE_INFINITY;
  #observedAt = Number.NEGATIVE_INFINITY;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** Live workers are about to renew leases that are missing now. */
  begin(now = performance.now()): void {
    this.#until = now + this.#leaseMs;
  }

  /**
   * To be called after each observation.
   * @param late whether the leadership could not be renewed in time either.
   * @returns whether missing leases say nothing yet.
   */
  observed(late: boolean, now = performance.now()): boolean {
    if (late || now - this.#observedAt > this.#leaseMs / 2) this.begin(now);
    this.#observedAt = now;
    return now < this.#until;
  }
}
