import { chmod, mkdir } from 'node:fs/promises';
import { aclRules } from '#shared/store/redis/redis-users.ts';
import { newUser } from './new-user.ts';
import { startPrivateRedis } from './private-redis.ts';
import { findOrInstallRedis } from './redis-binary.ts';

/** Where `npm start` keeps its private Redis and its password, below the working directory. */
const stateDirectory = '.ringpost';
export const redisDirectory = `${stateDirectory}/redis`;

export interface OwnRedisOptions {
  readonly namespace: string;
  /** Whether Redis may be installed if it is not found. */
  readonly mayInstall: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** Tells the user what happens. */
  readonly say: (line: string) => void;
  /** Called if it ends although nobody stopped it. */
  readonly onEnd: (how: { readonly code: number | null; readonly signal: NodeJS.Signals | null }) => void;
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
  const { namespace, mayInstall, env, say, onEnd } = options;
  // Each private Redis is told of this user when it starts.
  const workers = newUser('worker', aclRules(['worker'], namespace));
  const binary = await findOrInstallRedis({ env, mayInstall, log: say });
  await mkdir(stateDirectory, { recursive: true });
  await chmod(stateDirectory, 0o700);
  const users = [workers.user];
  const redis = await startPrivateRedis({ directory: redisDirectory, binary, users, log: say });
  let stopping = false;
  void redis.exited.then(({ code, signal }) => {
    if (stopping) return;
    onEnd({ code, signal });
    say(`the private Redis ended (${signal ?? `code ${code}`}); see ${redisDirectory}/redis.log`);
    process.exit(1);
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
