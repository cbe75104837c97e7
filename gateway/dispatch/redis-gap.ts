import type { Redis } from 'ioredis';

/** A connection that is away for longer than this is not waited for any more, in ms. */
const graceMs = 500;

/**
 * The time for which a connection is away. A connection that only blinks is back in some 50 ms, and a request can wait
 * for that; once it is away for longer, every request is refused at once and none waits.
 */
export class RedisGap {
  #since: number | undefined;
  #ending: PromiseWithResolvers<boolean> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(redis: Redis) {
    redis.on('close', () => (this.#since ??= performance.now()));
    redis.on('ready', () => {
      this.#since = undefined;
      this.#settle(true);
    });
    redis.on('end', () => this.#settle(false));
  }

  /**
   * To be asked when a command could not be sent.
   * @returns true once the connection is back, false when it is away for too long; all who ask share one wait.
   */
  over(): Promise<boolean> {
    this.#since ??= performance.now();
    const left = this.#since + graceMs - performance.now();
    if (left <= 0) return Promise.resolve(false);
    if (this.#ending === undefined) {
      this.#ending = Promise.withResolvers<boolean>();
      this.#timer = setTimeout(() => this.#settle(false), left);
    }
    return this.#ending.promise;
  }

  #settle(back: boolean): void {
    clearTimeout(this.#timer);
    this.#ending?.resolve(back);
    this.#ending = undefined;
  }
}
