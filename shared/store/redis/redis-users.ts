import { createKeys, keyPatternsBesideRing } from '../keys/keys.ts';

/** Who uses Redis, each with a user of its own. */
export const redisRoles = ['gateway', 'controller', 'worker'] as const;

export type RedisRole = (typeof redisRoles)[number];

/** What a user of Redis may do. */
export interface RedisRights {
  /** Patterns of keys that it may read and write. */
  readonly keys: readonly string[];
  /** Keys that it may only read. */
  readonly readOnly: readonly string[];
  /** Patterns of channels. */
  readonly channels: readonly string[];
  /** Names of commands, by what they are for; a subcommand is `client|setname`. */
  readonly commands: Readonly<Record<string, readonly string[]>>;
}

/** Each connection makes these. `info` tells a client that Redis has loaded its data. */
const connections = [
  'client|setname',
  'discard',
  'eval',
  'evalsha',
  'exec',
  'info',
  'multi',
  'ping',
  'select',
];

/** By role, what is needed of each type. What scripts call counts as well, BullMQ's included. */
const commands: Readonly<Record<RedisRole, Readonly<Record<string, string>>>> = {
  gateway: {
    keys: 'del exists pexpire pttl rename scan type unlink',
    strings: 'get getrange incr incrby mget set strlen',
    hashes: 'hdel hexists hget hgetall hincrby hmget hmset hset hsetnx',
    lists: 'blmpop lindex llen lpop lpos lpush lrange lrem ltrim rpop rpoplpush rpush',
    sets: 'sadd scard sismember smembers srem',
    'sorted sets':
      'bzpopmin zadd zcard zcount zpopmin zrange zrangebyscore zrem zremrangebyrank zremrangebyscore ' +
      'zrevrange zrevrangebyscore zscore',
    streams: 'xadd xtrim',
    'messages and time': 'publish subscribe time unsubscribe',
  },
  controller: {
    keys: 'del exists persist pexpire pttl rename scan type unlink',
    strings: 'get incr set',
    hashes: 'hdel hexists hget hgetall hkeys hlen hmget hset',
    lists: 'llen lpos lpush lrange',
    sets: 'sadd scard smembers srem',
    'sorted sets': 'zadd zcard zcount zpopmin zscore',
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
    streams: 'xadd xtrim',
    'messages and time': 'publish subscribe time unsubscribe',
  },
};

/**
 * @param namespace the prefix of all keys of a system.
 * @returns what the processes of a role need. A worker serves the queue of any replica, since it may adopt
 * one. It writes nothing of the ring, and reads only what adopting takes.
 */
export function redisRights(role: RedisRole, namespace: string): RedisRights {
  const keys = createKeys(namespace);
  const words = Object.entries(commands[role]).map(([what, names]) => [what, names.split(' ')] as const);
  const all = [`${namespace}:*`];
  const channels: Readonly<Record<RedisRole, readonly string[]>> = {
    gateway: all,
    controller: [keys.changes],
    worker: [keys.changes, keys.requestChanges('*'), keys.cancellations],
  };
  const worker = role === 'worker';
  return {
    keys: worker ? keyPatternsBesideRing(namespace) : all,
    readOnly: worker ? [keys.offered, keys.retired, keys.heirs] : [],
    channels: channels[role],
    commands: { connections, ...Object.fromEntries(words) },
  };
}

/**
 * @param roles of one user: a process that is gateway and controller has the rights of both.
 * @returns the rules of that user for `ACL SETUSER` or a file of users, without its name and password.
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
    ...each(({ channels }) => channels).map((pattern) => `&${pattern}`),
    ...each((right) => Object.values(right.commands).flat()).map((name) => `+${name}`),
  ];
}

/** A user of Redis. */
export interface RedisUser {
  readonly name: string;
  /** SHA-256 of the password, in hexadecimal; undefined if any password will do. */
  readonly passwordSha256: string | undefined;
  readonly rules: readonly string[];
}

/**
 * @param url of a Redis.
 * @returns the same Redis, as another user opens it.
 */
export function urlOfUser(url: string, name: string, password: string): string {
  const user = new URL(url);
  user.username = name;
  user.password = password;
  return user.href;
}

/** @returns the user as a line of Redis' configuration, or of a file of users. */
export function userLine({ name, passwordSha256, rules }: RedisUser): string {
  const password = passwordSha256 === undefined ? 'nopass' : `#${passwordSha256}`;
  return `user ${name} on ${[password, ...rules].join(' ')}`;
}

/**
 * @returns the text of a file for `aclfile`. The user `default` is off, so that nobody is let in without a
 * name. It keeps all rights: Redis 7.0 loads its append-only file with them, and would lose each transaction
 * in it.
 */
export function aclFile(users: readonly RedisUser[]): string {
  const first = 'user default off resetpass ~* &* +@all';
  return `${[first, ...users.map(userLine)].join('\n')}\n`;
}
