import { encodeSignals } from '../../contract/stream-signal.ts';
import type { StreamSignal } from '../../contract/stream-signal.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** Tells the workers that serve replicas what gateways have to say of streams. */
export class SignalChannel {
  readonly #publish: (replica: string, message: string) => Promise<number>;

  /** @param connection a fail-fast connection that others may share. */
  constructor(connection: Connection) {
    const redis = redisOf(connection);
    const keys = keysOf(connection);
    this.#publish = (replica, message) => redis.publish(keys.signals(replica), message);
  }

  /** Sends signals in one message. A worker that is not connected now does not get it. */
  async announce(replica: string, signals: readonly StreamSignal[]): Promise<void> {
    await this.#publish(replica, encodeSignals(signals));
  }
}
