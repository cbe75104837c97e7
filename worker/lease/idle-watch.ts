import { retiredIdleMs } from '#shared/settings/common.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { countUnfinished } from '#shared/store/queue/replica-queue.ts';

/** Tells when a worker may leave a queue: no gateway routes by a ring that still has the replica. */
export class IdleWatch {
  readonly #connection: Connection;
  readonly #replica: string;
  #since: number | undefined;

  constructor(connection: Connection, replica: string) {
    this.#connection = connection;
    this.#replica = replica;
  }

  /**
   * Checks the queue. Call it repeatedly.
   * @param running requests of the queue that are running.
   * @returns whether the queue has been empty for long enough.
   */
  async isIdleLongEnough(running: number): Promise<boolean> {
    if (running > 0 || (await countUnfinished(this.#connection, this.#replica)) > 0) {
      this.#since = undefined;
      return false;
    }
    const now = performance.now();
    this.#since ??= now;
    return now - this.#since >= retiredIdleMs;
  }

  /** Starts over. */
  reset(): void {
    this.#since = undefined;
  }
}
