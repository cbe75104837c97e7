import type { Redis } from 'ioredis';
import type { Keys } from '#shared/store/keys/keys.ts';

/** Hears of changes of requests, as long as somebody listens: nothing is sent for requests that nobody watches. */
export class RequestChanges {
  readonly #subscriber: Redis;
  readonly #keys: Keys;
  readonly #listeners = new Map<string, Set<() => void>>();

  /** @param subscriber a patient connection for subscriptions, which others may share. */
  constructor(subscriber: Redis, keys: Keys) {
    this.#subscriber = subscriber;
    this.#keys = keys;
    subscriber.on('message', (channel: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener();
    });
  }

  /**
   * @param listener called after each change of the request.
   * @returns once changes are heard of, a function that ends it.
   */
  async listen(id: string, listener: () => void): Promise<() => void> {
    const channel = this.#keys.requestChanges(id);
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
