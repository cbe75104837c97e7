import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { aclRules } from '#shared/store/redis/redis-users.ts';
import { newUser } from './new-user.ts';
import { startPrivateRedis } from './private-redis.ts';
import { findOrInstallRedis } from './redis-binary.ts';

/** Where a system keeps what outlives it, below the working directory, if nobody says otherwise. */
export const stateDirectory = '.ringpost';
/** The folder of the private Redis below that. */
export const redisDirectory = 'redis';

export interface OwnRedisOptions {
  readonly namespace: string;
  /** Where Redis and its password are kept from one start to the next. */
  readonly stateFolder: string;
  /** Whether Redis may be installed if it is not found. */
  readonly mayInstall: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** Tells the user what happens. */
  readonly say: (line: string) => void;
  /** Called with one sentence if it ends although nobody stopped it. */
  readonly onEnd: (reason: string) => void;
}

/** The private Redis of `npm start`. */
export interface OwnRedis {
  /** As this process opens it. */
  readonly url: string;
  /** As workers open it, with a user of their own. */
  readonly workerUrl: string;
  stop(): Promise<void>;
}

/** Starts the private Redis, and installs a server first if need be. */
export async function startOwnRedis(options: OwnRedisOptions): Promise<OwnRedis> {
  const { namespace, stateFolder, mayInstall, env, say, onEnd } = options;
  // Each private Redis is told of this user when it starts.
  const workers = newUser('worker', aclRules(['worker'], namespace));
  const binary = await findOrInstallRedis({ env, mayInstall, log: say });
  await mkdir(stateFolder, { recursive: true });
  await chmod(stateFolder, 0o700);
  const users = [workers.user];
  const directory = join(stateFolder, redisDirectory);
  const redis = await startPrivateRedis({ directory, binary, users, log: say });
  let stopping = false;
  void redis.exited.then(({ code, signal }) => {
    if (stopping) return;
    onEnd(`the private Redis ended (${signal ?? `code ${code}`}); see ${directory}/redis.log`);
  });
  return {
    url: redis.url,
    workerUrl: workers.urlOf(redis.url),
    stop: () => {
      stopping = true;
      return redis.stop();
    },
  };
}
