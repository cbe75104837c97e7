import type { Redis } from 'ioredis';

/** What Redis has counted since its start. */
export interface RedisCounters {
  /** Calls of each command, those in scripts included. */
  readonly calls: Readonly<Record<string, number>>;
  /** Times that it has read from a connection. */
  readonly reads: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What one request costs Redis. */
export interface RedisCost {
  /** Commands, those that scripts call included. */
  readonly commands: number;
  /** Scripts. */
  readonly scripts: number;
  /** Times that Redis read from a connection: less than the commands where they travel together. */
  readonly reads: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly byName: Readonly<Record<string, number>>;
}

/** Commands of the bench itself. */
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

/** @returns what each of so many requests cost between the two looks. */
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
