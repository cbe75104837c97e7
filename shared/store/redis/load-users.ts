import { Redis } from 'ioredis';

/**
 * Lets a running Redis load its file of users again. Nothing waits long for a Redis that is away.
 * @param url as its administrator opens it.
 * @returns false if Redis does not answer, or does not let this user in.
 */
export async function loadUsers(url: string): Promise<boolean> {
  const redis = new Redis(url, {
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
