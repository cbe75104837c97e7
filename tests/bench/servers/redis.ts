import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startPrivateRedis } from '../../../gateway/redis/private-redis.ts';
import { freePort } from '../../chaos/free-port.ts';
import { server } from './servers.ts';
import type { RunningServer } from './running-server.ts';

/** When Redis syncs its append-only file. */
export type Aof = 'off' | 'everysec' | 'always';

/** Starts a Redis as `npm start` does. By default its append-only file is synced every second. */
export async function startRedis(folder: string, aof: Aof = 'everysec'): Promise<RunningServer> {
  const redis = await startPrivateRedis({
    directory: join(folder, 'redis'),
    binary: server('redis-server'),
    portFrom: await freePort(),
    log: () => undefined,
  });
  if (aof !== 'everysec') await setAof(redis.url, aof);
  return redis;
}

async function setAof(url: string, aof: Aof): Promise<void> {
  const redis = new Redis(url);
  if (aof === 'off') await redis.config('SET', 'appendonly', 'no');
  else await redis.config('SET', 'appendfsync', aof);
  redis.disconnect();
}
