import { Redis } from 'ioredis';
import type { Log } from '../../process/logger.ts';
import { lackingRights } from './redis-dry-run.ts';
import { refusalOf, userOf } from './redis-refusal.ts';
import type { RedisRole } from './redis-users.ts';
import { safeMessage } from '../../process/safe-error.ts';
import { shownUrl } from '../../process/shown-url.ts';

/** What a connection is used for. It decides what the connection does while Redis is away. */
export type ConnectionUse =
  /** For requests: commands fail at once while Redis is away, and none in progress is sent again. */
  | 'failFast'
  /** For blocking reads, subscriptions and workers: commands wait for the next connection. */
  | 'patient';

/**
 * Opens a connection. If it breaks, it is opened again: after 50 ms at first, and at most 1 s.
 * @param url `redis://…` or `rediss://…`.
 * @param name `CLIENT LIST` shows it.
 */
export function openRedis(url: string, name: string, use: ConnectionUse, log: Log): Redis {
  const patient = use === 'patient';
  const user = userOf(url);
  const warned = new Set<string>();
  const warnOnce = (error: unknown): void => {
    const refusal = refusalOf(error, user);
    if (refusal === undefined || warned.has(refusal)) return;
    warned.add(refusal);
    log.warn({ connection: name }, refusal);
  };
  const redis = new Redis(url, {
    connectionName: name,
    // A command that was in progress when the connection broke must fail. With `null` and without resending,
    // ioredis would never settle it.
    maxRetriesPerRequest: patient ? null : 0,
    enableOfflineQueue: patient,
    autoResendUnfulfilledCommands: patient,
    retryStrategy: (times: number) => Math.min(50 * times, 1000),
    connectTimeout: 2000,
    // Redis 7.0 has no CLIENT SETINFO, so the rights of a user cannot name it.
    disableClientInfo: true,
    // ioredis calls this with each error that Redis answers with.
    reconnectOnError: (error) => {
      warnOnce(error);
      return false;
    },
  });
  let away = false;
  redis.on('error', (error: Error) => {
    warnOnce(error);
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

/** Where ioredis keeps the commands that it will send again. Its types do not show it. */
interface Unsent {
  readonly prevCommandQueue?: {
    toArray(): readonly { readonly command: { reject(error: Error): void } }[];
  } | null;
}

/**
 * Closes a patient connection that is not ready, and fails all commands that wait for it. `disconnect` alone
 * never settles commands that wait for the next connection, or that were in progress on the last one.
 */
export function giveUp(redis: Redis): void {
  const { prevCommandQueue } = redis as unknown as Unsent;
  if (redis.status === 'reconnecting') redis.connect().catch(() => undefined);
  redis.disconnect();
  for (const { command } of prevCommandQueue?.toArray() ?? [])
    command.reject(new Error('the connection to Redis was closed'));
}

/** Sends all commands that `act` gives in one write, so that Redis needs one read. */
export function inOneWrite(redis: Redis, act: () => void): void {
  // There is no stream before the first connection is made.
  const stream = redis.stream as Redis['stream'] | undefined;
  stream?.cork();
  try {
    act();
  } finally {
    stream?.uncork();
  }
}

/** Resolves once the connection is ready; rejects if it is closed before that. */
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

/** ringpost cannot use this Redis. The message says how to change that. */
export class RedisUnfitError extends Error {
  override readonly name = 'RedisUnfitError';
}

const minVersion = [7, 0] as const;

/**
 * Checks that Redis is fit for ringpost: version 7.0 or newer (BLMPOP), no eviction, and the rights of the
 * user.
 * @param url the URL of a Redis that should answer.
 * @param roles the roles of this process.
 * @throws {RedisUnfitError} with one sentence that says what is wrong and how to correct it.
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
    // A server that accepts connections and never answers must not block the start for ever.
    commandTimeout: 3000,
    disconnectTimeout: 200,
  });
  // Without a listener ioredis would print the error, too.
  let reason: Error | undefined;
  redis.on('error', (error: Error) => {
    reason = error;
  });
  try {
    await redis.connect();
    const info = await redis.info();
    const version = /^(?:valkey_version|redis_version):(.+)$/m.exec(info)?.[1]?.trim() ?? 'unknown';
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major < minVersion[0] || (major === minVersion[0] && minor < minVersion[1])) {
      throw new RedisUnfitError(`Redis at ${shown} is version ${version}; ringpost needs 7.0 or newer.`);
    }
    const policy = /^maxmemory_policy:(.+)$/m.exec(info)?.[1]?.trim() ?? 'unknown';
    if (policy !== 'noeviction') {
      throw new RedisUnfitError(
        `Redis at ${shown} has maxmemory-policy ${policy}, which would delete accepted requests; ` +
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
