import type { QueueSession } from './queue-session.ts';

/** The queues that this worker serves now: its own and those that it has adopted. */
export class ServedQueues {
  readonly #sessions = new Set<QueueSession>();

  add(session: QueueSession): void {
    this.#sessions.add(session);
  }

  remove(session: QueueSession): void {
    this.#sessions.delete(session);
  }

  /** The ids of the requests that are running. */
  get running(): readonly string[] {
    return [...this.#sessions].flatMap(({ running }) => running);
  }

  /** How many requests of a replica's queue are running, or wait to run isolated. */
  sizeOf(replica: string): number {
    let size = 0;
    for (const session of this.#sessions) if (session.replica === replica) size += session.size;
    return size;
  }

  /** How many requests are running, those of all queues together. */
  get size(): number {
    let size = 0;
    for (const session of this.#sessions) size += session.size;
    return size;
  }

  /** Changes whenever a request is started, or another queue is served. */
  get activity(): string {
    return Array.from(this.#sessions, ({ replica, runs }) => `${replica} ${runs}`).join(' ');
  }

  /** Aborts a request if it is running. */
  cancel(id: string): void {
    for (const session of this.#sessions) session.cancel(id);
  }

  /** Takes no more jobs, and leaves those that are held to the next worker. Acts at once. */
  abandon(): void {
    for (const session of this.#sessions) void session.abandon();
  }

  /** Makes the consumers look for jobs, and register for direct delivery again. */
  wake(): void {
    for (const session of this.#sessions) session.wake();
  }
}
