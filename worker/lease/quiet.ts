import type { Redis } from 'ioredis';
import type { Keys } from '#shared/store/keys/keys.ts';
import { backlogOf } from '#shared/store/replica-queue.ts';
import { retiredQuietMs } from '#shared/settings/common.ts';

/**
 * Tells when a queue that gets nothing new may be left: once it has been empty for longer than any gateway routes by
 * an old ring.
 */
export class Quiet {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #replica: string;
  #since: number | undefined;

  constructor(redis: Redis, keys: Keys, replica: string) {
    this.#redis = redis;
    this.#keys = keys;
    this.#replica = replica;
  }

  /**
   * Looks at the queue; to be called over and over.
   * @param running requests of the queue that are being run.
   * @returns whether it has been empty for long enough.
   */
  async longEnough(running: number): Promise<boolean> {
    if (running > 0 || (await backlogOf(this.#redis, this.#keys, this.#replica)) > 0) {
      this.#since = undefined;
      return false;
    }
    const now = performance.now();
    this.#since ??= now;
    return now - this.#since >= retiredQuietMs;
  }

  /** Begins anew. */
  reset(): void {
    this.#since = undefined;
  }
}
