import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lockedRedis } from './directory-lock.ts';
import { redisDirectory, stateDirectory } from './own-redis.ts';
import { probe } from './probe.ts';
import { passwordFileOf } from './redis-password.ts';

/**
 * @param folder the working directory of a `ringpost start`.
 * @returns the URL of the private Redis that runs there now, with its password; undefined if none runs.
 */
export async function privateRedisUrl(folder: string): Promise<string | undefined> {
  const directory = join(folder, stateDirectory, redisDirectory);
  const redis = await lockedRedis(directory);
  if (redis === undefined || (await probe(redis.port)) !== 'locked') return undefined;
  const password = await readFile(passwordFileOf(directory), 'utf8').catch(() => undefined);
  return password === undefined ? undefined : `redis://:${password.trim()}@127.0.0.1:${redis.port}`;
}
