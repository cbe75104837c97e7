import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** Who sends the streams of a replica. */
export interface SignalListener {
  /** A message of gateways, which `decodeSignals` reads. */
  receive(message: string): void;
  /** Messages arrive from now on. Those that were sent before may be lost. */
  subscribed(): void;
  /** The connection is broken: no message arrives until the next {@link subscribed}. */
  unsubscribed(): void;
}

interface Subscription {
  readonly listener: SignalListener;
  /** Whether Redis has confirmed it on the present connection. */
  isConfirmed: boolean;
}

/** Passes the signals of gateways on to those who send the streams of replicas. */
export class SignalFeed {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #subscriptions = new Map<string, Subscription>();

  /** @param connection a patient connection for subscriptions, which others may share. */
  constructor(connection: Connection) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#redis.on('message', (channel: string, message: string) =>
      this.#subscriptions.get(channel)?.listener.receive(message),
    );
    // The client subscribes again by itself, but does not say when Redis has confirmed it.
    this.#redis.on('ready', () => {
      for (const [channel, subscription] of this.#subscriptions) this.#subscribe(channel, subscription);
    });
    this.#redis.on('close', () => {
      for (const subscription of this.#subscriptions.values()) this.#break(subscription);
    });
  }

  /**
   * Listens to the signals for a replica, in place of an earlier listener.
   * @returns a function that ends the subscription. The listener is not called afterwards.
   */
  subscribe(replica: string, listener: SignalListener): () => void {
    const channel = this.#keys.signals(replica);
    const subscription: Subscription = { listener, isConfirmed: false };
    this.#subscriptions.set(channel, subscription);
    if (this.#redis.status === 'ready') this.#subscribe(channel, subscription);
    return () => {
      if (this.#subscriptions.get(channel) !== subscription) return;
      this.#subscriptions.delete(channel);
      this.#redis.unsubscribe(channel).catch(() => undefined);
    };
  }

  /** Never rejects: a closed connection does not confirm, and one that breaks is made again. */
  #subscribe(channel: string, subscription: Subscription): void {
    const onConfirmed = (): void => {
      if (this.#subscriptions.get(channel) !== subscription || subscription.isConfirmed) return;
      subscription.isConfirmed = true;
      subscription.listener.subscribed();
    };
    this.#redis.subscribe(channel).then(onConfirmed, () => undefined);
  }

  #break(subscription: Subscription): void {
    if (!subscription.isConfirmed) return;
    subscription.isConfirmed = false;
    subscription.listener.unsubscribed();
  }
}
