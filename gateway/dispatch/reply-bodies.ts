import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { whenReady } from '#shared/store/redis/open-redis.ts';
import type { HeldBytes } from '../request/held-bytes.ts';

/** Pause before a body is asked for again, in ms. */
const againAfterMs = 50;

/** The bodies of replies that are too large to travel in their frames, each in a key of its own. */
export class ReplyBodies {
  readonly #held: HeldBytes;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;

  /**
   * @param redis a fail-fast connection that others may share.
   * @param held has room for the bodies that are read.
   */
  constructor(redis: Redis, keys: Keys, held: HeldBytes, log: Logger) {
    this.#held = held;
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
  }

  /**
   * Reads a body once there is room for it, and hands it on. Never rejects.
   * @param bytes that it has.
   * @param wanted asked before Redis is asked.
   * @param hand given the bytes; undefined if they are gone, or not wanted any more.
   */
  async fetch(
    replica: string,
    id: string,
    bytes: number,
    wanted: () => boolean,
    hand: (body: Buffer | undefined) => void,
  ): Promise<void> {
    // The client of Redis puts a body together from the parts that have come.
    const held = 2 * bytes;
    const room = await this.#held.roomForAnswer(held, wanted);
    hand(await this.#read(replica, id, wanted));
    // Whoever was handed the body counts it by now.
    if (room) this.#held.giveAnswer(held);
  }

  /**
   * Reads a body, and deletes it only when it is here: what is on a connection that breaks is not lost.
   * @returns the bytes; undefined if they are gone, or not wanted any more. Never rejects.
   */
  async #read(replica: string, id: string, wanted: () => boolean): Promise<Buffer | undefined> {
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
