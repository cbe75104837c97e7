import { QueueCount } from './queue-count.ts';

/** The counts of the replicas' queues to which this gateway has added jobs. */
export class QueueCounts {
  readonly #counts = new Map<string, QueueCount>();

  /** @returns the count of a replica's queue. A new one is empty. */
  of(replica: string): QueueCount {
    let count = this.#counts.get(replica);
    if (count === undefined) {
      count = new QueueCount();
      this.#counts.set(replica, count);
    }
    return count;
  }

  /** @returns the count of a replica's queue; undefined if nothing is known of it. */
  get(replica: string): QueueCount | undefined {
    return this.#counts.get(replica);
  }

  /** The replicas whose queues may hold jobs. */
  get nonEmpty(): string[] {
    return Array.from(this.#counts).flatMap(([replica, { size }]) => (size > 0 ? [replica] : []));
  }

  /**
   * @param limit requests that may wait in the queue of one replica.
   * @param now on the `performance.now()` clock.
   * @returns the replicas whose queues have to be polled.
   */
  dueForPoll(limit: number, now: number): string[] {
    return Array.from(this.#counts).flatMap(([replica, count]) =>
      count.size > 0 && count.isPollDue(limit, now) ? [replica] : [],
    );
  }

  /**
   * Deletes the counts that are empty, whose replicas nobody waits for, and of whose load nothing is known.
   * @param now on the `performance.now()` clock.
   */
  deleteEmpty(isWaitedFor: (replica: string) => boolean, now: number): void {
    for (const [replica, count] of this.#counts) {
      if (count.size === 0 && !count.isLoadKnown(now) && !isWaitedFor(replica)) this.#counts.delete(replica);
    }
  }
}
