import type { Redis } from './access.ts';
import { createKeys } from '../keys/keys.ts';
import type { RedisPlace } from '../../process/redis-url.ts';
import { redisRights } from './redis-users.ts';
import type { RedisRole } from './redis-users.ts';

/** The arguments after the key in the shortest form of a command; no arguments for commands not listed. */
const afterKey: Readonly<Record<string, string>> = {
  append: 'x',
  bzpopmin: '1',
  getrange: '0 0',
  hdel: 'x',
  hexists: 'x',
  hget: 'x',
  hincrby: 'x 1',
  hmget: 'x',
  hmset: 'x x',
  hset: 'x x',
  hsetnx: 'x x',
  incrby: '1',
  lindex: '0',
  lpos: 'x',
  lpush: 'x',
  lrange: '0 0',
  lrem: '0 x',
  ltrim: '0 0',
  pexpire: '1',
  rpush: 'x',
  sadd: 'x',
  set: 'x',
  sismember: 'x',
  srem: 'x',
  xadd: '* x x',
  xrange: '- +',
  xrevrange: '+ -',
  xtrim: 'MAXLEN 0',
  zadd: '0 x',
  zcount: '0 0',
  zlexcount: '- +',
  zrange: '0 0',
  zrangebyscore: '0 0',
  zrank: 'x',
  zrem: 'x',
  zremrangebyrank: '0 0',
  zremrangebyscore: '0 0',
  zrevrange: '0 0',
  zrevrangebyscore: '0 0',
  zscore: 'x',
};

/** Commands that have no key, or whose key is not the first argument. */
const others: Readonly<Record<string, (key: string) => readonly string[]>> = {
  'cluster|nodes': () => ['NODES'],
  'cluster|slots': () => ['SLOTS'],
  blmpop: (key) => ['1', '1', key, 'LEFT'],
  eval: (key) => ['return 1', '1', key],
  evalsha: (key) => ['0'.repeat(40), '1', key],
  info: () => [],
  ping: () => [],
  rename: (key) => [key, key],
  rpoplpush: (key) => [key, key],
  scan: () => ['0'],
  time: () => [],
  wait: () => ['0', '0'],
};

/** Commands that not every Redis is used with. */
const neededFor: Readonly<Record<string, readonly RedisPlace['kind'][]>> = {
  'cluster|nodes': ['cluster'],
  'cluster|slots': ['cluster'],
  wait: ['sentinel', 'cluster'],
};

/**
 * Commands that cannot be tried in a transaction, since they run at once or change the connection; and those
 * that are not needed.
 */
const untried = new Set([
  // Without it `QUEUE_EVENTS=auto` acts like `on`.
  'client|list',
  'client|setname',
  'discard',
  'exec',
  'multi',
  'publish',
  'select',
  'subscribe',
  'unsubscribe',
]);

/**
 * Finds the rights that a role needs and the user lacks. All commands are queued in a transaction, for which
 * Redis checks the rights, and the transaction is discarded. So no command runs.
 * @param redis a connection that nothing else uses meanwhile, and that resends nothing after it breaks.
 * @param prefix of all keys.
 * @param kind of Redis that the URL names.
 * @returns what the user of the connection lacks, e.g. `BLMPOP`, `the key ringpost:{ring}:desired`.
 */
export async function lackingRights(
  redis: Redis,
  role: RedisRole,
  prefix: string,
  kind: RedisPlace['kind'],
): Promise<string[]> {
  const calls = callsOf(role, prefix, kind);
  // Outside of a transaction the commands would run.
  const [multi = false] = await refused([redis.multi({ pipeline: false })]);
  if (multi) return ['MULTI'];
  const answers = [...calls.map(({ command, args }) => redis.call(command, ...args)), redis.discard()];
  const lacking = await refused(answers);
  return [...calls.map(({ what }) => what), 'DISCARD'].filter((_, at) => lacking[at]);
}

/** @returns which answers say that the user lacks a right. Other errors of Redis do not count. */
async function refused(answers: readonly Promise<unknown>[]): Promise<boolean[]> {
  const settled = await Promise.allSettled(answers);
  return settled.map((each) => each.status === 'rejected' && isRefusal(each.reason));
}

function isRefusal(reason: unknown): boolean {
  return reason instanceof Error && reason.message.startsWith('NOPERM');
}

interface Call {
  /** What the user lacks if Redis refuses the call. */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
}

function callsOf(role: RedisRole, prefix: string, kind: RedisPlace['kind']): Call[] {
  const keys = createKeys(prefix);
  const { commands, channels } = redisRights(role, prefix);
  // These keys are never used, so even a command that ran would change nothing.
  const of = (name: string): string => keys.job(name, 'dry-run');
  const own = of('S1');
  const tried = Object.values(commands)
    .flat()
    .filter((name) => !untried.has(name) && (neededFor[name]?.includes(kind) ?? true));
  const touched = role === 'worker' ? ['r', 'ri', 'rin', 'rings'].map(of) : [of('ring')];
  const { offered, retired, heirs, upstreamPositions, desired, joining } = keys;
  const ofRing = [offered, retired, heirs, upstreamPositions, desired, joining];
  const read = [keys.counts, ...(role === 'worker' ? ofRing : [])];
  const written = [
    keys.deadLetter('dry-run'),
    keys.bullMq(keys.callbacks, 'dry-run'),
    keys.line('dry-run'),
    `${keys.announcements}:dry-run`,
    ...touched,
  ];
  return [
    ...tried.map((name) => ({
      what: name.replace('|', ' ').toUpperCase(),
      command: name.replace(/\|.*/, ''),
      args: others[name]?.(own) ?? [own, ...(afterKey[name]?.split(' ') ?? [])],
    })),
    ...written.map((key) => ({ what: `the key ${key}`, command: 'SET', args: [key, 'x'] })),
    ...read.map((key) => ({ what: `the key ${key}`, command: 'TYPE', args: [key] })),
    ...channels.map((channel) => ({
      what: `the channel ${channel}`,
      command: 'PUBLISH',
      args: [channel, ''],
    })),
  ];
}
