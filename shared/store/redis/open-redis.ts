import { Redis } from 'ioredis';
import type { Log } from '../../process/logger.ts';
import { lackingRights } from './redis-dry-run.ts';
import { refusalOf, userOf } from './redis-refusal.ts';
import type { RedisRole } from './redis-users.ts';
import { safeMessage } from '../../process/safe-error.ts';
import { shownUrl } from '../../process/shown-url.ts';

/** What a connection is used for, and so what it does while Redis is away. */
export type ConnectionUse =
  /** Commands of a request: they fail at once while Redis is away, and one that was under way is not sent again. */
  | 'failFast'
  /** Blocking reads, subscriptions and workers: they wait and come back by themselves. */
  | 'patient';

/**
 * Opens a connection. It comes back by itself, after 50 ms first and 1 s at most.
 * @param url `redis://…` or `rediss://…`.
 * @param name shown by `CLIENT LIST`.
 */
export function openRedis(url: string, name: string, use: ConnectionUse, log: Log): Redis {
  const patient = use === 'patient';
  const user = userOf(url);
  const told = new Set<string>();
  const tell = (error: unknown): void => {
    const refusal = refusalOf(error, user);
    if (refusal === undefined || told.has(refusal)) return;
    told.add(refusal);
    log.warn({ connection: name }, refusal);
  };
  const redis = new Redis(url, {
    connectionName: name,
    // A command that was under way when the connection broke fails with it. `null`, together with no resending, would
    // leave it neither failed nor sent again, and whoever waits for it without end.
    maxRetriesPerRequest: patient ? null : 0,
    enableOfflineQueue: patient,
    autoResendUnfulfilledCommands: patient,
    retryStrategy: (times: number) => Math.min(50 * times, 1000),
    connectTimeout: 2000,
    // Redis 7.0 does not know the command that it takes, so a user's rights cannot name it.
    disableClientInfo: true,
    // It is called with each error that Redis answers with.
    reconnectOnError: (error) => {
      tell(error);
      return false;
    },
  });
  let away = false;
  redis.on('error', (error: Error) => {
    tell(error);
    log.debug({ err: error, connection: name }, 'a connection to Redis failed');
  });
  redis.on('reconnecting', () => {
    if (!away) log.warn({ connection: name }, 'Redis is away');
    away = true;
  });
  redis.on('ready', () => {
    if (away) log.warn({ connection: name }, 'Redis is back');
    away = false;
  });
  return redis;
}

/** What ioredis keeps to send it again on the next connection, beside what its types show. */
interface Unsent {
  readonly prevCommandQueue?: {
    toArray(): readonly { readonly command: { reject(error: Error): void } }[];
  } | null;
}

/**
 * Closes a patient connection that is not ready, and fails all that waits for it. `disconnect` alone leaves commands
 * waiting for ever: those of a connection that waits for its next try, and those that were under way on the last one.
 */
export function giveUp(redis: Redis): void {
  const { prevCommandQueue } = redis as unknown as Unsent;
  if (redis.status === 'reconnecting') redis.connect().catch(() => undefined);
  redis.disconnect();
  for (const { command } of prevCommandQueue?.toArray() ?? [])
    command.reject(new Error('the connection to Redis was closed'));
}

/** Sends all commands that are given while `act` runs in one write, which is one read for Redis. */
export function inOneWrite(redis: Redis, act: () => void): void {
  // There is none before the first connection is made.
  const stream = redis.stream as Redis['stream'] | undefined;
  stream?.cork();
  try {
    act();
  } finally {
    stream?.uncork();
  }
}

/** @returns once the connection is ready; rejects when it ended before. */
export function whenReady(redis: Redis): Promise<void> {
  if (redis.status === 'ready') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      redis.off('ready', onReady).off('end', onEnd);
      if (error) reject(error);
      else resolve();
    };
    const onReady = (): void => settle();
    const onEnd = (): void => settle(new Error('the connection to Redis was closed'));
    redis.once('ready', onReady).once('end', onEnd);
  });
}

/** Redis cannot be used as it is; the message says how to mend it. */
export class RedisUnfitError extends Error {
  override readonly name = 'RedisUnfitError';
}

const leastVersion = [7, 0] as const;

/**
 * Checks what ringpost needs of Redis: version >= 7.0 (BLMPOP), no eviction, and the rights of the user.
 * @param url a Redis that is expected to answer.
 * @param roles of this process.
 * @throws {RedisUnfitError} with one sentence that says what is wrong and how to mend it.
 */
export async function checkRedis(
  url: string,
  roles: readonly RedisRole[] = [],
  namespace = '',
): Promise<void> {
  const shown = shownUrl(url) ?? 'REDIS_URL';
  const redis = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: 3000,
    disableClientInfo: true,
    // Something that accepts connections and says nothing would be waited for without end.
    commandTimeout: 3000,
    disconnectTimeout: 200,
  });
  // The failed connect below carries the reason; without a listener ioredis prints it too.
  let reason: Error | undefined;
  redis.on('error', (error: Error) => {
    reason = error;
  });
  try {
    await redis.connect();
    const info = await redis.info();
    const version = /^(?:valkey_version|redis_version):(.+)$/m.exec(info)?.[1]?.trim() ?? 'unknown';
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major < leastVersion[0] || (major === leastVersion[0] && minor < leastVersion[1])) {
      throw new RedisUnfitError(`Redis at ${shown} is version ${version}; ringpost needs 7.0 or newer.`);
    }
    const policy = /^maxmemory_policy:(.+)$/m.exec(info)?.[1]?.trim() ?? 'unknown';
    if (policy !== 'noeviction') {
      throw new RedisUnfitError(
        `Redis at ${shown} has maxmemory-policy ${policy}, which throws accepted requests away; ` +
          'set it to noeviction (redis-cli config set maxmemory-policy noeviction).',
      );
    }
    const lacking: string[] = [];
    for (const role of roles) lacking.push(...(await lackingRights(redis, role, namespace)));
    if (lacking.length > 0) {
      throw new RedisUnfitError(
        `Redis at ${shown} does not let the user ${userOf(url)} use ${[...new Set(lacking)].join(', ')}; ` +
          `give it the rights of ${roles.join(' and ')} in docs/security.md.`,
      );
    }
  } catch (error) {
    if (error instanceof RedisUnfitError) throw error;
    const failure = reason?.message ? reason : error;
    const why = refusalOf(failure, userOf(url)) ?? safeMessage(failure);
    throw new RedisUnfitError(`Redis at ${shown} cannot be used: ${why || 'it does not answer'}.`);
  } finally {
    redis.disconnect();
  }
}
