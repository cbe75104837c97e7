import type { Redis } from 'ioredis';
import { encodeCancellations } from '#shared/contract/cancellation.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';

/** Ids that come up within this time travel in one message, in ms. */
const gatherMs = 5;
/** Ids in one message. */
const mostIds = 500;

/** Tells the workers to let requests go that they run; all of a moment in one message. */
export class Cancellations {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;
  #ids: string[] = [];

  /** @param redis a fail-fast connection. */
  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
  }

  /** Tells whichever worker runs this request. If Redis is away the request is run to its end. */
  tell(id: string): void {
    this.#ids.push(id);
    if (this.#ids.length === 1) setTimeout(() => this.#publish(), gatherMs);
  }

  #publish(): void {
    const ids = this.#ids;
    this.#ids = [];
    for (let at = 0; at < ids.length; at += mostIds) {
      const message = encodeCancellations(ids.slice(at, at + mostIds));
      this.#redis.publish(this.#keys.cancellations, message).catch((error: unknown) => {
        this.#log.debug({ err: error }, 'workers could not be told of requests that nobody waits for');
      });
    }
  }
}
