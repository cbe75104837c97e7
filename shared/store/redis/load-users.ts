import { Redis } from 'ioredis';
import { redisOptions } from '../target/redis-options.ts';

/**
 * Makes a running Redis reload its ACL file. It does not wait long for an unreachable Redis.
 * @param url the URL of Redis for an administrator.
 * @returns false if Redis does not answer, or refuses this user.
 */
export async function loadUsers(url: string): Promise<boolean> {
  const redis = new Redis({
    ...redisOptions(url, ''),
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: 2000,
    commandTimeout: 2000,
    disconnectTimeout: 100,
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    await redis.call('ACL', 'LOAD');
    return true;
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}
