import { setTimeout as delay } from 'node:timers/promises';
import type { JobData } from '#shared/contract/job.ts';
import { RecentIds } from './recent-ids.ts';

/**
 * How much of its newest past Redis may forget when it is killed, in ms. It takes far less to write its file
 * or to reach its replicas.
 */
const lossWindowMs = 60_000;
/**
 * 32 MiB of ids, those that are running included: enough for 16,600 requests a second that must not run
 * twice.
 */
const maxIds = 1_000_000;
/** How often a waiting request checks for room, in ms. */
const pollIntervalMs = 50;

/** @returns whether a request must not run twice. A probe of outlier detection changes nothing. */
export function isRunOnce({ redelivery, outlier }: Pick<JobData, 'redelivery' | 'outlier'>): boolean {
  return redelivery === 'never' && outlier?.probe === undefined;
}

/**
 * Remembers the requests that must not run twice and that this worker has run. A Redis that is killed forgets
 * its newest writes, and may give such a request out again; the worker that ran it does not forget. An id is
 * kept from the end of its run until Redis can no longer forget that end. None is dropped earlier: if there
 * is no room, no such request is started. Times are in ms on the `performance.now()` clock.
 */
export class FinishedRuns {
  readonly #ids = new RecentIds();
  readonly #maxIds: number;
  readonly #windowMs: number;

  constructor(max = maxIds, windowMs = lossWindowMs) {
    this.#maxIds = max;
    this.#windowMs = windowMs;
  }

  /** How many ids are remembered. */
  get size(): number {
    return this.#ids.size;
  }

  /** Whether it remembers any request that must not run twice yet. */
  remembers(now: number): boolean {
    this.#ids.forgetBefore(now - this.#windowMs);
    return this.#ids.size > 0;
  }

  /** A request has ended. */
  add(id: string, now: number): void {
    this.#ids.forgetBefore(now - this.#windowMs);
    this.#ids.add(id, now);
  }

  has(id: string): boolean {
    return this.#ids.size > 0 && this.#ids.has(id);
  }

  /** Whether a request that must not run twice may be started. */
  hasRoom(now: number): boolean {
    if (this.#ids.size < this.#maxIds) return true;
    this.#ids.forgetBefore(now - this.#windowMs);
    return this.#ids.size < this.#maxIds;
  }

  /** @returns once there is room, or once it is `until` on the `performance.now()` clock. */
  async waitForRoom(until: number): Promise<void> {
    while (!this.hasRoom(performance.now()) && performance.now() < until) await delay(pollIntervalMs);
  }
}
