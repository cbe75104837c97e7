import type { Redis } from 'ioredis';

/** Counters of Redis since its start. */
export interface RedisCounters {
  /** Calls of each command, including those in scripts. */
  readonly calls: Readonly<Record<string, number>>;
  /** How often Redis has read from a connection. */
  readonly reads: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** The cost of one request in Redis. */
export interface RedisCost {
  /** Commands, including those in scripts. */
  readonly commands: number;
  /** Calls of scripts. */
  readonly scripts: number;
  /** How often Redis read from a connection. One read may bring several commands. */
  readonly reads: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly byName: Readonly<Record<string, number>>;
}

/** Commands of the bench itself, which are not counted. */
const own = new Set(['info', 'client|setname', 'client|setinfo', 'hello']);
const scripts = new Set(['eval', 'evalsha', 'fcall']);

export async function redisCounters(redis: Redis): Promise<RedisCounters> {
  return parseInfo(await redis.info('stats', 'commandstats'));
}

/** @param info the text of `INFO stats commandstats` */
export function parseInfo(info: string): RedisCounters {
  const calls: Record<string, number> = {};
  for (const [, name = '', count] of info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
    if (!own.has(name)) calls[name] = Number(count);
  }
  const value = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return {
    calls,
    reads: value('total_reads_processed'),
    bytesIn: value('total_net_input_bytes'),
    bytesOut: value('total_net_output_bytes'),
  };
}

/** @returns the cost per request between two readings of the counters. */
export function redisCost(before: RedisCounters, after: RedisCounters, requests: number): RedisCost {
  const byName: Record<string, number> = {};
  for (const [name, count] of Object.entries(after.calls)) {
    const more = count - (before.calls[name] ?? 0);
    if (more > 0) byName[name] = more / requests;
  }
  const sum = (names: readonly string[]): number =>
    names.reduce((total, name) => total + (byName[name] ?? 0), 0);
  return {
    commands: sum(Object.keys(byName)),
    scripts: sum(Object.keys(byName).filter((name) => scripts.has(name))),
    reads: (after.reads - before.reads) / requests,
    bytesIn: (after.bytesIn - before.bytesIn) / requests,
    bytesOut: (after.bytesOut - before.bytesOut) / requests,
    byName,
  };
}
