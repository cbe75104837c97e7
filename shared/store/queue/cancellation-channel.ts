import { encodeCancellations } from '../../contract/cancellation.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** Tells all workers which requests are cancelled while they run, on the channel of cancellations. */
export class CancellationChannel {
  readonly #announce: (message: string) => Promise<number>;

  /** @param connection a fail-fast connection that others may share. */
  constructor(connection: Connection) {
    const redis = redisOf(connection);
    const { cancellations } = keysOf(connection);
    this.#announce = (message) => redis.publish(cancellations, message);
  }

  /** Sends ids of requests in one message. A worker that is not connected now does not get it. */
  async announce(ids: readonly string[]): Promise<void> {
    await this.#announce(encodeCancellations(ids));
  }
}
