import { decodeCancellations } from '../../contract/cancellation.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/**
 * Calls `onCancelled` with the id of each request that is cancelled while it runs, in whatever worker.
 * @param connection a patient connection for subscriptions, which others may share.
 * @returns once Redis has confirmed the subscription.
 */
export async function subscribeToCancellations(
  connection: Connection,
  onCancelled: (id: string) => void,
): Promise<void> {
  const redis = redisOf(connection);
  const { cancellations } = keysOf(connection);
  redis.on('message', (channel: string, message: string) => {
    if (channel !== cancellations) return;
    for (const id of decodeCancellations(message)) onCancelled(id);
  });
  await redis.subscribe(cancellations);
}
