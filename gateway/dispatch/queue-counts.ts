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

  /** The replicas whose queues may hold jobs. */
  get nonEmpty(): string[] {
    return Array.from(this.#counts).flatMap(([replica, { size }]) => (size > 0 ? [replica] : []));
  }

  /** Deletes the counts that are empty and whose replicas nobody waits for. */
  deleteEmpty(isWaitedFor: (replica: string) => boolean): void {
    for (const [replica, { size }] of this.#counts) {
      if (size === 0 && !isWaitedFor(replica)) this.#counts.delete(replica);
    }
  }
}
