import { redisOf } from './access.ts';
import type { Connection } from './connection.ts';

/** Requests wait for a connection that has been down for less than this, in ms. */
const graceMs = 500;

/**
 * Waits for a connection that is down. A connection that broke is usually back after some 50 ms, and a
 * request can wait for that. If it is down for longer, every request is refused at once.
 */
export class RedisOutage {
  #since: number | undefined;
  #ending: PromiseWithResolvers<boolean> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: Connection) {
    const redis = redisOf(connection);
    redis.on('close', () => (this.#since ??= performance.now()));
    redis.on('ready', () => {
      this.#since = undefined;
      this.#settle(true);
    });
    redis.on('end', () => this.#settle(false));
  }

  /**
   * To be called when a command could not be sent. All callers share one wait.
   * @returns true once the connection is back, false if it stays down for too long.
   */
  waitUntilOver(): Promise<boolean> {
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
