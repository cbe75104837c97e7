import { encodeRetryNotice, parseRetryNotice } from '../../contract/retry-notice.ts';
import type { RetryNotice } from '../../contract/retry-notice.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/**
 * Tells all gateways that a job was put back, to be run again after an answer. A gateway that is not
 * connected now does not get it; if none does, the job stays where it is.
 * @param connection one that others may share.
 */
export async function announceRetry(connection: Connection, notice: RetryNotice): Promise<void> {
  await redisOf(connection).publish(keysOf(connection).retries, encodeRetryNotice(notice));
}

/**
 * Calls `onRetry` with each notice of a worker.
 * @param connection a patient connection for subscriptions, which others may share.
 * @returns once Redis has confirmed the subscription.
 */
export async function subscribeToRetries(
  connection: Connection,
  onRetry: (notice: RetryNotice) => void,
): Promise<void> {
  const redis = redisOf(connection);
  const { retries } = keysOf(connection);
  redis.on('message', (channel: string, message: string) => {
    const notice = channel === retries ? parseRetryNotice(message) : undefined;
    if (notice !== undefined) onRetry(notice);
  });
  await redis.subscribe(retries);
}
