import { decodeSignals } from '../../contract/stream-signal.ts';
import type { StreamSignal } from '../../contract/stream-signal.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** A subscription to the signals of gateways for one replica. */
export interface SignalSubscription {
  /** Whether signals arrive now. Those that are sent while they do not are lost. */
  readonly arrives: boolean;
  /** Ends it. No signal is passed on afterwards. */
  end(): void;
}

interface Subscriber {
  readonly onSignal: (signal: StreamSignal) => void;
  readonly onSubscribed: () => void;
  /** The socket on which Redis has confirmed the subscription last. */
  confirmedOn: unknown;
}

/** Passes the signals of gateways on to those who send the streams of a replica. */
export class SignalFeed {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #subscribers = new Map<string, Subscriber>();

  /** @param connection a patient connection for subscriptions, which others may share. */
  constructor(connection: Connection) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#redis.on('message', (channel: string, message: string) => {
      const subscriber = this.#subscribers.get(channel);
      if (subscriber === undefined) return;
      for (const signal of decodeSignals(message)) subscriber.onSignal(signal);
    });
    // The client subscribes again by itself, but does not say when Redis has confirmed it.
    this.#redis.on('ready', () => {
      for (const [channel, subscriber] of this.#subscribers) this.#subscribe(channel, subscriber);
    });
  }

  /**
   * Listens to the signals for a replica, in place of an earlier listener.
   * @param onSubscribed called each time Redis has confirmed the subscription: at first, and after each break
   * of the connection. Signals before that may be lost.
   */
  subscribe(
    replica: string,
    onSignal: (signal: StreamSignal) => void,
    onSubscribed: () => void,
  ): SignalSubscription {
    const channel = this.#keys.signals(replica);
    const subscriber: Subscriber = { onSignal, onSubscribed, confirmedOn: undefined };
    this.#subscribers.set(channel, subscriber);
    if (this.#redis.status === 'ready') this.#subscribe(channel, subscriber);
    const arrives = (): boolean =>
      this.#subscribers.get(channel) === subscriber && this.#isConfirmed(subscriber);
    return {
      get arrives() {
        return arrives();
      },
      end: () => {
        if (this.#subscribers.get(channel) !== subscriber) return;
        this.#subscribers.delete(channel);
        this.#redis.unsubscribe(channel).catch(() => undefined);
      },
    };
  }

  #isConfirmed({ confirmedOn }: Subscriber): boolean {
    return this.#redis.status === 'ready' && confirmedOn === this.#redis.stream;
  }

  /** Never rejects: a closed connection does not confirm, and one that breaks is made again. */
  #subscribe(channel: string, subscriber: Subscriber): void {
    const onConfirmed = (): void => {
      if (this.#subscribers.get(channel) !== subscriber || this.#isConfirmed(subscriber)) return;
      subscriber.confirmedOn = this.#redis.stream;
      subscriber.onSubscribed();
    };
    this.#redis.subscribe(channel).then(onConfirmed, () => undefined);
  }
}
