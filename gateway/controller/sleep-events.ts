import type { Connection } from '#shared/store/redis/connection.ts';
import { EventReaders } from '#shared/store/queue/event-readers.ts';

/** How often the scripts are told to write events, and for how long each time, in ms. */
const [everyMs, ttlMs] = [2000, 20_000];

/**
 * Lets the scripts write the events of all queues while idle replicas are put to sleep. The script that does
 * so reads when the last event was: what a worker says of its idle time is older than its last request may
 * be.
 */
export class SleepEvents {
  readonly #readers: EventReaders;
  #marked: ReadonlySet<string> = new Set();
  /** On the `performance.now()` clock. */
  #nextAt = 0;

  constructor(connection: Connection) {
    this.#readers = new EventReaders(connection);
  }

  /** To be called in each pass, before it decides who sleeps. */
  async mark(replicas: ReadonlySet<string>): Promise<void> {
    const now = performance.now();
    const isDue = now >= this.#nextAt;
    const some = isDue ? replicas : replicas.difference(this.#marked);
    if (some.size === 0) return;
    await this.#readers.mark(some, ttlMs);
    this.#marked = replicas;
    if (isDue) this.#nextAt = now + everyMs;
  }
}
