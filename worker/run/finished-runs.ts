import { setTimeout as delay } from 'node:timers/promises';
import { RecentIds } from './recent-ids.ts';

/**
 * What Redis may forget of its newest past when it is killed, in ms: far more than it takes to write its file
 * or to reach its replicas.
 */
const lossWindowMs = 60_000;
/**
 * 32 MiB with those of the requests that are running then, and 16,600 requests a second that must not run
 * again, for as long as one likes.
 */
const mostIds = 1_000_000;
/** Between two looks for space, in ms. */
const lookAgainMs = 50;

/**
 * Remembers which requests that must not run again this worker has run to their end. Redis forgets some of
 * what it was told last if it is killed, and may give such a request out once more; whoever has done the work
 * does not forget it. Each is remembered from its end until Redis has certainly not forgotten that, and none
 * is forgotten earlier: if there is no more space, none is begun. Times are in ms by `performance.now()`.
 */
export class FinishedRuns {
  readonly #ids = new RecentIds();
  readonly #most: number;
  readonly #windowMs: number;

  constructor(most = mostIds, windowMs = lossWindowMs) {
    this.#most = most;
    this.#windowMs = windowMs;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#ids.size;
  }

  /** A request has come to its end. */
  add(id: string, now: number): void {
    this.#ids.forgetBefore(now - this.#windowMs);
    this.#ids.add(id, now);
  }

  has(id: string): boolean {
    return this.#ids.size > 0 && this.#ids.has(id);
  }

  /** Whether a request that must not run again may be begun. */
  hasRoom(now: number): boolean {
    if (this.#ids.size < this.#most) return true;
    this.#ids.forgetBefore(now - this.#windowMs);
    return this.#ids.size < this.#most;
  }

  /**
   * @param until by `performance.now()`.
   * @returns once there is room, or that time has come.
   */
  async room(until: number): Promise<void> {
    while (!this.hasRoom(performance.now()) && performance.now() < until) await delay(lookAgainMs);
  }
}
