import { decodeCancellations } from '../../contract/cancellation.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/**
 * Calls `onCancelled` with the id of each request that is cancelled while it runs, in whatever worker.
 * @param connection a connection for this subscription alone.
 * @returns once Redis has confirmed the subscription.
 */
export async function subscribeToCancellations(
  connection: Connection,
  onCancelled: (id: string) => void,
): Promise<void> {
  const redis = redisOf(connection);
  redis.on('message', (_, message: string) => {
    for (const id of decodeCancellations(message)) onCancelled(id);
  });
  await redis.subscribe(keysOf(connection).cancellations);
}
