import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { parseRingNotice } from './ring-changes.ts';
import type { RingNotice } from './ring-changes.ts';

/** What a message tells the gateways. */
export type GatewayNotice =
  | RingNotice
  /** A starting gateway found no secret of callers in Redis and asks the others to confirm theirs. */
  | { readonly kind: 'callerSecretSought' };

/** The messages that all gateways get. A message may be lost, so readers also have to poll. */
export class GatewayNotices {
  readonly #subscriber: Redis;
  readonly #keys: Keys;

  /** @param subscriber a patient connection for subscriptions, which others may share. */
  constructor(subscriber: Connection) {
    this.#subscriber = redisOf(subscriber);
    this.#keys = keysOf(subscriber);
  }

  /** Calls `listener` with each message once {@link subscribe} has resolved. */
  onNotice(listener: (notice: GatewayNotice) => void): void {
    const { changes, callerSecretSought } = this.#keys;
    this.#subscriber.on('message', (channel: string, message: string) => {
      if (channel === callerSecretSought) listener({ kind: 'callerSecretSought' });
      else if (channel === changes) listener(parseRingNotice(message));
    });
  }

  /** Resolves once messages arrive. */
  async subscribe(): Promise<void> {
    const { changes, callerSecretSought } = this.#keys;
    await this.#subscriber.subscribe(changes, callerSecretSought);
  }
}
