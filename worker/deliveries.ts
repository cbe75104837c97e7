import type { Redis } from 'ioredis';
import type { Logger } from '#shared/logger.ts';
import { BlockingRead } from './blocking-read.ts';
import { parseDelivery } from './tick.ts';
import type { Taken } from './tick.ts';

/** A read that brought nothing ends after this time, in seconds. */
const blockSeconds = 5;
/** Jobs read in one call. */
const mostRead = 256;

/**
 * @param key of the list of jobs that are put into a consumer's hands.
 * @param onRead called after each read, also of nothing.
 * @returns what reads them.
 */
export function readDeliveries(
  redis: Redis,
  key: () => string,
  onRead: (taken: readonly Taken[]) => void,
  log: Logger,
): BlockingRead<readonly Taken[]> {
  const read = async (connection: Redis): Promise<readonly Taken[] | undefined> => {
    const popped = await connection.blmpop(blockSeconds, 1, key(), 'LEFT', 'COUNT', mostRead);
    return popped?.[1].flatMap((delivery) => parseDelivery(delivery) ?? []);
  };
  return new BlockingRead(redis, read, (taken = []) => onRead(taken), log);
}
