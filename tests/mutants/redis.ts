import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startPrivateRedis } from '../../gateway/redis/private-redis.ts';
import { findOrInstallRedis } from '../../gateway/redis/redis-binary.ts';

/** The Redis on which all mutants of scripts run. */
export interface MutantRedis {
  readonly url: string;
  /** Whether this is a script. */
  compiles(lua: string): Promise<boolean>;
  stop(): Promise<void>;
}

export async function startRedis(): Promise<MutantRedis> {
  const log = (line: string): void => console.error(line);
  const binary = await findOrInstallRedis({ env: process.env, mayInstall: false, log });
  const directory = await mkdtemp(join(tmpdir(), 'ringpost-mutants-'));
  const server = await startPrivateRedis({
    directory: join(directory, 'redis'),
    binary,
    portFrom: randomInt(12_000, 30_000),
    log: () => undefined,
  });
  const redis = new Redis(server.url);
  return {
    url: server.url,
    compiles: (lua) =>
      redis.script('LOAD', lua).then(
        () => true,
        () => false,
      ),
    stop: async () => {
      redis.disconnect();
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
