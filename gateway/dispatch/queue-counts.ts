import { QueueCount } from './queue-count.ts';

/** The counts of the replicas' queues that this gateway has added to. */
export class QueueCounts {
  readonly #counts = new Map<string, QueueCount>();

  /** @returns the count of a replica's queue; one that is new is empty. */
  of(replica: string): QueueCount {
    let count = this.#counts.get(replica);
    if (count === undefined) {
      count = new QueueCount();
      this.#counts.set(replica, count);
    }
    return count;
  }

  /** The replicas whose queues are not known to be empty. */
  get open(): string[] {
    return Array.from(this.#counts).flatMap(([replica, { size }]) => (size > 0 ? [replica] : []));
  }

  /** Forgets the counts that are empty, of the replicas that nothing waits for. */
  forget(isWaitedFor: (replica: string) => boolean): void {
    for (const [replica, { size }] of this.#counts) {
      if (size === 0 && !isWaitedFor(replica)) this.#counts.delete(replica);
    }
  }
}
