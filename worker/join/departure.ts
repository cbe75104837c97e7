import { isDoneWithin } from '#shared/process/within.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { Membership } from './membership.ts';

/** How often a worker that leaves looks whether another one takes over, in ms. */
const lookEveryMs = 250;

/**
 * What a worker does at SIGTERM if its replica leaves with it: it goes on until nothing is left in its queue.
 * The controller takes the replica out of the ring meanwhile.
 */
export class Departure {
  readonly #membership: Membership;
  readonly #log: Logger;
  readonly #drained = Promise.withResolvers<true>();
  #underWay = false;
  #removed = false;
  #isOver = false;

  constructor(membership: Membership, log: Logger) {
    this.#membership = membership;
    this.#log = log;
  }

  /**
   * Withdraws the announcement, and waits until the queue is empty or another worker takes it over. Never
   * rejects.
   * @param serves whether this worker serves the queue.
   * @param timeoutMs what is left in the queue after that is for others.
   */
  async begin(serves: boolean, timeoutMs: number): Promise<void> {
    this.#underWay = true;
    try {
      const isDone = await isDoneWithin(this.#leave(serves), timeoutMs);
      if (!isDone) this.#log.info('others run what is left in its queue');
    } catch (error) {
      this.#log.warn({ err: error }, 'the announcement was not withdrawn; it expires');
    }
    this.#isOver = true;
  }

  /**
   * To be called if the replica was removed and its queue is empty.
   * @returns whether the worker is leaving already.
   */
  drained(): boolean {
    this.#drained.resolve(true);
    // If it is not leaving, an operator has removed the replica.
    if (!this.#underWay) this.#removed = true;
    return this.#underWay;
  }

  /** Lets the announcement expire. */
  abandon(): Promise<void> {
    return this.#membership.stop();
  }

  async #leave(serves: boolean): Promise<void> {
    const leavesRing = await this.#membership.leave(!this.#removed);
    if (!leavesRing || !serves) return;
    this.#log.info('leaves the ring, and goes on until its queue is empty');
    while (!this.#isOver) {
      const drained = this.#drained.promise;
      if (await isDoneWithin(drained, lookEveryMs)) return;
      if (await this.#membership.isSucceeded()) return;
    }
  }
}
