import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { redisRoles } from '#shared/store/redis/redis-users.ts';
import type { RedisRole } from '#shared/store/redis/redis-users.ts';
import { makeUsers, roleUrl } from '../fixtures/redis-users.ts';
import { openAdmin, testKeys } from '../fixtures/several-servers.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const opened: Redis[] = [];

beforeEach(() => system().expectRefusals());
afterEach(() => opened.splice(0).forEach((redis) => redis.disconnect()));

function open(role: RedisRole): Redis {
  const { redisUrl, namespace } = system();
  const redis = openAdmin(roleUrl(redisUrl, namespace, role), namespace);
  opened.push(redis);
  return redis;
}

/** @returns `allowed`, or the error of Redis. */
async function outcomeOf(redis: Redis, ...[command = '', ...args]: readonly string[]): Promise<string> {
  try {
    await redis.call(command, ...args);
    return 'allowed';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const administration = [
  'CONFIG GET dir',
  'CONFIG SET maxmemory 1',
  'FLUSHALL',
  'FLUSHDB',
  'KEYS *',
  'ACL LIST',
  'ACL SETUSER worker allcommands',
  'SHUTDOWN NOSAVE',
  'DEBUG SLEEP 0',
  'REPLICAOF NO ONE',
  'MONITOR',
  'SWAPDB 0 1',
  'SAVE',
  'MODULE LIST',
  'SCRIPT FLUSH',
  'FUNCTION FLUSH',
  'CLIENT LIST',
  'CLIENT KILL TYPE normal',
  'MIGRATE 127.0.0.1 1 key 0 1',
  'SLOWLOG GET',
].map((line) => line.split(' '));

/** What Redis says if a script names a key that its user may not use: 7.0, and later ones. */
const refusedKey = /can't access at least one of the keys|No permissions to access a key/;

describe.each(redisRoles)('the user of a %s', (role) => {
  it('may not run any command of an administrator', async () => {
    const redis = open(role);
    for (const line of administration) {
      // A gateway looks for readers of events.
      if (role === 'gateway' && line.join(' ') === 'CLIENT LIST') continue;
      expect(await outcomeOf(redis, ...line), line.join(' ')).toMatch(
        /^NOPERM |^ERR DEBUG command not allowed/,
      );
    }
  });

  it('neither reads nor writes keys and channels of another namespace', async () => {
    const { redisUrl, namespace } = system();
    const other = testKeys(`${namespace}-other`);
    const admin = openAdmin(redisUrl, `${namespace}-other`);
    opened.push(admin);
    await makeUsers(redisUrl, `${namespace}-other`);
    await admin.set(other.lease('S1'), 'theirs');
    const redis = open(role);
    const asked = [
      ['GET', other.lease('S1')],
      ['SET', other.lease('S1'), 'ours'],
      ['DEL', other.lease('S1')],
      ['HSET', other.desired, 'S1', 'x'],
      ['PUBLISH', other.changes, 'desired'],
      ['SUBSCRIBE', other.changes],
    ];
    for (const line of asked) expect(await outcomeOf(redis, ...line), line.join(' ')).toMatch(/^NOPERM /);
    const script = await outcomeOf(redis, 'EVAL', `return redis.call('GET', '${other.lease('S1')}')`, '0');
    expect(script).toMatch(refusedKey);
    await admin.del(other.lease('S1'));
  });
});

describe('the user of a worker', () => {
  it('cannot change the ring, and reads only what adoption, joining and its server need', async () => {
    const { keys } = system();
    const redis = open('worker');
    const all = [keys.desired, keys.ring, keys.retired, keys.status, keys.joining, keys.tombstones];
    const lines = [
      ...all.map((key) => ['HSET', key, 'S1', '{}']),
      ...all.map((key) => ['DEL', key]),
      ...[keys.version, keys.joined, keys.leader, keys.fence, keys.parameters].map((key) => [
        'SET',
        key,
        '1',
      ]),
      ['SADD', keys.offered, 'S1'],
      ['RENAME', keys.lease('S1'), keys.desired],
      ...[keys.ring, keys.status, keys.tombstones].map((key) => ['HGETALL', key]),
      ...[keys.leader, keys.parameters, keys.configKey].map((key) => ['GET', key]),
      ['GET', keys.idempotency('key')],
      ['SCAN', '0'],
      ['EVAL', 'return 1', '1', keys.ring],
      ['EVAL', 'return 1', '1', keys.tombstones],
    ];
    for (const line of lines) expect(await outcomeOf(redis, ...line), line.join(' ')).toMatch(/^NOPERM /);
    const script = `return redis.call('HSET', '${keys.desired}', 'S9', '{}')`;
    expect(await outcomeOf(redis, 'EVAL', script, '0')).toMatch(refusedKey);
    expect(await outcomeOf(redis, 'SMEMBERS', keys.offered)).toBe('allowed');
    expect(await outcomeOf(redis, 'HEXISTS', keys.retired, 'S1')).toBe('allowed');
    expect(await outcomeOf(redis, 'HGETALL', keys.desired)).toBe('allowed');
    expect(await outcomeOf(redis, 'HGETALL', keys.joining)).toBe('allowed');
  });

  it('can serve a replica of any name but `ring`', async () => {
    const { keys } = system();
    const redis = open('worker');
    const names = [
      'S1',
      'r',
      'ri',
      'rin',
      'ring-1',
      'rings',
      'rang',
      'Ring',
      'RING',
      'king',
      '0',
      'r.i',
      'rin_g',
      'z',
    ];
    const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'.split('');
    for (const name of [...names, ...letters, ...letters.map((letter) => `rin${letter}`)].filter(
      (each) => each !== 'ring',
    ))
      expect(await outcomeOf(redis, 'SET', keys.lease(name), '{}'), name).toBe('allowed');
    expect(await outcomeOf(redis, 'SET', keys.lease('ring'), '{}')).toMatch(/^NOPERM /);
  });
});
