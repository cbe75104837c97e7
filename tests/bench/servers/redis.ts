import { join } from 'node:path';
import { startPrivateRedis } from '../../../gateway/redis/private-redis.ts';
import { freePort } from '../../chaos/free-port.ts';
import { server } from './servers.ts';
import type { RunningServer } from './running-server.ts';

/** Starts a Redis as `npm start` does: append-only file written every second, nothing evicted. */
export function startRedis(folder: string): Promise<RunningServer> {
  return freePort().then((portFrom) =>
    startPrivateRedis({
      directory: join(folder, 'redis'),
      binary: server('redis-server'),
      portFrom,
      log: () => undefined,
    }),
  );
}
