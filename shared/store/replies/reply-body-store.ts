import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** The bodies of replies that are too large for their frames, each in its own key that expires. */
export class ReplyBodyStore {
  readonly #redis: Redis;
  readonly #keys: Keys;

  /** @param connection a fail-fast connection that others may share. */
  constructor(connection: Connection) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
  }

  /** @returns the bytes; undefined if they are gone. */
  async read(replica: string, id: string): Promise<Buffer | undefined> {
    return (await this.#redis.getBuffer(this.#keys.replyBody(replica, id))) ?? undefined;
  }

  /** Deletes a body. If that fails, the body expires. */
  async remove(replica: string, id: string): Promise<void> {
    await this.#redis.unlink(this.#keys.replyBody(replica, id));
  }
}
