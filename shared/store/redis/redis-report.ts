import { Redis } from 'ioredis';
import { redisOptions } from '../target/redis-options.ts';
import { redisOf } from './access.ts';
import { fieldIn, productIn } from './redis-kind.ts';
import type { Connection } from './connection.ts';

/** What `INFO` of a Redis says. */
export interface RedisHealth {
  /** `Redis` or `Valkey`. */
  readonly product: string;
  readonly version: string;
  /** `maxmemory-policy`. */
  readonly policy: string;
  /** 0: no limit. */
  readonly maxMemoryBytes: number;
  readonly usedMemoryBytes: number;
  /** Whether it writes an append-only file. */
  readonly appendOnly: boolean;
  /** Whether its last write of that file failed. */
  readonly writeFailed: boolean;
  /** Whether its last snapshot failed. By default Redis then refuses writes. */
  readonly snapshotFailed: boolean;
  /** Whether it copies another Redis, and takes no writes. */
  readonly isReplica: boolean;
}

/** What `INFO` and `TIME` of a Redis say. */
export interface RedisReport extends RedisHealth {
  /** How far this host's clock is ahead of Redis's, in ms, as exact as the round trip. */
  readonly clockAheadMs: number;
}

/**
 * Asks a Redis about itself, on a connection of its own.
 * @param url of a Redis that answers.
 * @throws what ioredis throws, if it does not.
 */
export async function readRedisReport(url: string, namespace: string): Promise<RedisReport> {
  const redis = new Redis({
    ...redisOptions(url, namespace),
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: 3000,
    commandTimeout: 3000,
    disableClientInfo: true,
  });
  // The calls reject, too.
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    const info = await redis.info();
    const before = Date.now();
    const [seconds, micros] = await redis.time();
    const there = Number(seconds) * 1000 + Number(micros) / 1000;
    return {
      ...healthIn(info),
      clockAheadMs: Math.round((before + Date.now()) / 2 - there),
    };
  } finally {
    redis.disconnect();
  }
}

/** @returns what the Redis of a connection says of itself. */
export async function readRedisHealth(connection: Connection): Promise<RedisHealth> {
  return healthIn(await redisOf(connection).info());
}

function healthIn(info: string): RedisHealth {
  const field = (name: string): string => fieldIn(info, name);
  return {
    ...productIn(info),
    policy: field('maxmemory_policy'),
    maxMemoryBytes: Number(field('maxmemory')),
    usedMemoryBytes: Number(field('used_memory')),
    appendOnly: field('aof_enabled') === '1',
    writeFailed: field('aof_last_write_status') === 'err',
    snapshotFailed: field('rdb_last_bgsave_status') === 'err',
    isReplica: field('role') === 'slave',
  };
}
