import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** Reports appends to kept streams. Redis sends nothing for streams without a listener. */
export class BytesFeed {
  readonly #subscriber: Redis;
  readonly #keys: Keys;
  readonly #listeners = new Map<string, Set<() => void>>();

  /** @param connection a patient connection for subscriptions, which others may share. */
  constructor(connection: Connection) {
    this.#subscriber = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#subscriber.on('message', (channel: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener();
    });
  }

  /**
   * @param listener called after each append to the stream of the request.
   * @returns a function that ends the subscription; resolves once Redis sends the messages.
   */
  async listen(replica: string, id: string, listener: () => void): Promise<() => void> {
    const channel = this.#keys.bytesChannel(replica, id);
    const others = this.#listeners.get(channel);
    if (others === undefined) this.#listeners.set(channel, new Set([listener]));
    else others.add(listener);
    await this.#subscriber.subscribe(channel);
    return () => {
      const all = this.#listeners.get(channel);
      all?.delete(listener);
      if (all?.size !== 0) return;
      this.#listeners.delete(channel);
      this.#subscriber.unsubscribe(channel).catch(() => undefined);
    };
  }
}
