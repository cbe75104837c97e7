import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Keys } from '#shared/keys.ts';
import type { Logger } from '#shared/logger.ts';
import { whenReady } from '#shared/redis.ts';

/** Pause before a body is asked for again, in ms. */
const againAfterMs = 50;

/** The bodies of replies that are too large to travel in their frames, each in a key of its own. */
export class ReplyBodies {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;

  /** @param redis a fail-fast connection that others may share. */
  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
  }

  /**
   * Reads a body, and deletes it only when it is here: what is on a connection that breaks is not lost.
   * @param wanted asked before each time that Redis is asked again.
   * @returns the bytes; undefined where they are gone, or not wanted any more. Never rejects.
   */
  async fetch(replica: string, id: string, wanted: () => boolean): Promise<Buffer | undefined> {
    while (wanted()) {
      try {
        const body = await this.#redis.getBuffer(this.#keys.replyBody(replica, id));
        if (body !== null) this.forget(replica, id);
        return body ?? undefined;
      } catch (error) {
        this.#log.debug({ request: id, err: error }, 'the body of a reply could not be read yet');
        await delay(againAfterMs);
        // Rejects when the gateway has closed it for good.
        if (
          !(await whenReady(this.#redis).then(
            () => true,
            () => false,
          ))
        )
          return undefined;
      }
    }
    this.forget(replica, id);
    return undefined;
  }

  /** Deletes a body that nobody wants any more; where that fails it expires by itself. */
  forget(replica: string, id: string): void {
    this.#redis
      .unlink(this.#keys.replyBody(replica, id))
      .catch((error: unknown) => this.#log.debug({ request: id, err: error }, 'a body expires by itself'));
  }
}
