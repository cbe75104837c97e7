import { Redis } from 'ioredis';
import type { Log } from '../../process/logger.ts';
import { redisOptions } from '../target/redis-options.ts';
import { refusalOf, userOf } from './redis-refusal.ts';

/** What a connection is used for. It decides what the connection does while Redis is away. */
export type ConnectionUse =
  /** For requests: commands fail at once while Redis is away, and none in progress is sent again. */
  | 'failFast'
  /** For blocking reads, subscriptions and workers: commands wait for the next connection. */
  | 'patient';

/**
 * Opens a connection. If it breaks, it is opened again: after 50 ms at first, and at most 1 s.
 * @param url of Redis, in any of the forms that docs/redis.md lists.
 * @param name `CLIENT LIST` shows it. It begins with the namespace, which ends at the first colon.
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
  const [namespace = ''] = name.split(':', 1);
  const { reconnectOnError, ...target } = redisOptions(url, namespace);
  const redis = new Redis({
    ...target,
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
      return reconnectOnError?.(error) ?? false;
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
  allowManyFailures(redis);
  redis.on('ready', () => {
    if (away) log.warn({ connection: name }, 'Redis is back');
    away = false;
  });
  return redis;
}

/** @returns another connection to the same Redis, for blocking reads. It is made with its first command. */
export function duplicateRedis(redis: Redis): Redis {
  const other = redis.duplicate({ lazyConnect: true });
  allowManyFailures(other);
  return other;
}

/** ioredis adds a listener for each of many commands that make it reconnect together. */
function allowManyFailures(redis: Redis): void {
  redis.on('connect', () => redis.stream.setMaxListeners(0));
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

/**
 * Sends all commands that `act` gives in one write, so that Redis needs one read.
 * @returns what `act` does.
 */
export function inOneWrite<T>(redis: Redis, act: () => T): T {
  // There is no stream before the first connection is made.
  const stream = redis.stream as Redis['stream'] | undefined;
  stream?.cork();
  try {
    return act();
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
