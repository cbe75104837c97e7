import { keyPatternsBesideRing } from '../keys/key-patterns.ts';
import { createKeys } from '../keys/keys.ts';
import type { Keys } from '../keys/keys.ts';

/** The roles that use Redis, each with its own user. */
export const redisRoles = ['gateway', 'controller', 'worker'] as const;

export type RedisRole = (typeof redisRoles)[number];

/** The rights of a Redis user. */
export interface RedisRights {
  /** Patterns of the keys that it may read and write. */
  readonly keys: readonly string[];
  /** The keys that it may only read. */
  readonly readOnly: readonly string[];
  /** The keys that it may only write. */
  readonly writeOnly: readonly string[];
  /** Patterns of channels. */
  readonly channels: readonly string[];
  /** Names of commands, grouped by purpose. A subcommand is written `client|setname`. */
  readonly commands: Readonly<Record<string, readonly string[]>>;
}

/**
 * Commands of every connection. With `info` a client checks that Redis has loaded its data, with the
 * `cluster` commands it finds the master on a Cluster, and with `wait` a worker has its lease replicated.
 */
const connections = [
  'client|setname',
  'cluster|nodes',
  'cluster|slots',
  'discard',
  'eval',
  'evalsha',
  'exec',
  'info',
  'multi',
  'ping',
  'select',
  'wait',
];

/** The commands that each role needs, by type. They include those that scripts call, BullMQ's scripts too. */
const commands: Readonly<Record<RedisRole, Readonly<Record<string, string>>>> = {
  gateway: {
    keys: 'del exists pexpire pttl rename scan type unlink',
    strings: 'get getrange incr incrby mget set strlen',
    hashes: 'hdel hexists hget hgetall hincrby hlen hmget hmset hset hsetnx',
    lists: 'blmpop lindex llen lpop lpos lpush lrange lrem ltrim rpop rpoplpush rpush',
    sets: 'sadd scard sismember smembers srem',
    'sorted sets':
      'bzpopmin zadd zcard zcount zlexcount zpopmin zrange zrangebyscore zrank zrem zremrangebyrank ' +
      'zremrangebyscore zrevrange zrevrangebyscore zscore',
    streams: 'xadd xlen xrange xrevrange xtrim',
    'messages and time': 'publish subscribe time unsubscribe',
    clients: 'client|list',
  },
  controller: {
    keys: 'del exists persist pexpire pttl rename scan type unlink',
    strings: 'get incr incrby mget set',
    hashes: 'hdel hexists hget hgetall hincrby hkeys hlen hmget hset',
    lists: 'llen lpos lpush lrange ltrim rpush',
    sets: 'sadd scard sismember smembers srem',
    'sorted sets': 'zadd zcard zcount zpopmin zrange zrem zremrangebyscore zscore',
    streams: 'xadd xrevrange xtrim',
    'messages and time': 'publish subscribe time unsubscribe',
  },
  worker: {
    keys: 'del exists persist pexpire pttl rename type unlink',
    strings: 'append get getrange incr mget set',
    hashes: 'hdel hexists hget hgetall hincrby hmget hmset hset',
    lists: 'blmpop lindex llen lpop lpos lpush lrange lrem ltrim rpop rpoplpush rpush',
    sets: 'sadd scard sismember smembers srem',
    'sorted sets':
      'bzpopmin zadd zcard zcount zpopmin zrange zrangebyscore zrank zrem zremrangebyrank zremrangebyscore ' +
      'zrevrange zrevrangebyscore zscore',
    streams: 'xadd xlen xrange xrevrange xtrim',
    'messages and time': 'publish subscribe time unsubscribe',
  },
};

/**
 * @param namespace the prefix of all keys of a system: on a Cluster in braces.
 * @returns the rights that the processes of a role need. A worker may use the queue of any replica, since it
 * may adopt it. It writes no key of the ring, and reads only those for adoption, for joining and the
 * positions in UPSTREAMS. It renews the idempotency keys of the streams that it sends, and cannot read whose
 * they are.
 */
export function redisRights(role: RedisRole, namespace: string): RedisRights {
  const keys = createKeys(namespace);
  const words = Object.entries(commands[role]).map(([what, names]) => [what, names.split(' ')] as const);
  const all = [`${namespace}:*`];
  const channels: Readonly<Record<RedisRole, readonly string[]>> = {
    gateway: all,
    controller: [keys.changes],
    worker: [
      keys.changes,
      keys.requestChanges('*'),
      keys.cancellations,
      keys.retries,
      keys.signals('*'),
      keys.bytesChannel('*', '*'),
    ],
  };
  const worker = role === 'worker';
  return {
    keys: worker ? keyPatternsBesideRing(namespace) : all,
    readOnly: worker ? workerReads(keys) : [],
    writeOnly: worker ? [keys.idempotency('*')] : [],
    channels: channels[role],
    commands: { connections, ...Object.fromEntries(words) },
  };
}

/** @returns the keys of the ring that a worker reads. */
function workerReads(keys: Keys): readonly string[] {
  const { offered, retired, heirs, upstreamPositions, desired, joining } = keys;
  return [offered, retired, heirs, upstreamPositions, desired, joining];
}

/**
 * @param roles the roles of one user: a process that is gateway and controller needs the rights of both.
 * @returns the rules of that user for `ACL SETUSER` or an ACL file, without its name and password.
 */
export function aclRules(roles: readonly RedisRole[], namespace: string): readonly string[] {
  const rights = roles.map((role) => redisRights(role, namespace));
  const each = (of: (right: RedisRights) => readonly string[]): string[] => [...new Set(rights.flatMap(of))];
  return [
    'resetkeys',
    'resetchannels',
    '-@all',
    ...each(({ keys }) => keys).map((pattern) => `~${pattern}`),
    ...each(({ readOnly }) => readOnly).map((pattern) => `%R~${pattern}`),
    ...each(({ writeOnly }) => writeOnly).map((pattern) => `%W~${pattern}`),
    ...each(({ channels }) => channels).map((pattern) => `&${pattern}`),
    ...each((right) => Object.values(right.commands).flat()).map((name) => `+${name}`),
  ];
}

/** A Redis user. */
export interface RedisUser {
  readonly name: string;
  /** The SHA-256 of the password, in hexadecimal; undefined if any password is accepted. */
  readonly passwordSha256: string | undefined;
  readonly rules: readonly string[];
}

/**
 * @param url the URL of a Redis.
 * @returns the URL of the same Redis for another user.
 */
export function urlOfUser(url: string, name: string, password: string): string {
  const login = `${encodeURIComponent(name)}:${encodeURIComponent(password)}@`;
  return url.replace(/^([a-z+]+:\/\/)(?:[^@/?#]*@)?/, (_, scheme: string) => `${scheme}${login}`);
}

/** @returns the user as a line of Redis's configuration or of an ACL file. */
export function userLine({ name, passwordSha256, rules }: RedisUser): string {
  const password = passwordSha256 === undefined ? 'nopass' : `#${passwordSha256}`;
  return `user ${name} on ${[password, ...rules].join(' ')}`;
}

/**
 * @returns the text of an ACL file. The user `default` is off, so that nobody gets in without a name. It
 * keeps all rights, because Redis 7.0 loads its append-only file with them, and would lose every transaction
 * in that file.
 */
export function aclFile(users: readonly RedisUser[]): string {
  const first = 'user default off resetpass ~* &* +@all';
  return `${[first, ...users.map(userLine)].join('\n')}\n`;
}
