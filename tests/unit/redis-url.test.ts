import { describe, expect, it } from 'vitest';
import { parseRedisUrl, redisUrlOf } from '#shared/process/redis-url.ts';
import { safeText } from '#shared/process/safe-error.ts';
import { shownUrl } from '#shared/process/shown-url.ts';
import { createKeys, tagOf } from '#shared/store/keys/keys.ts';
import { misfit } from '#shared/store/redis/redis-kind.ts';
import { userOf } from '#shared/store/redis/redis-refusal.ts';
import { urlOfUser } from '#shared/store/redis/redis-users.ts';
import { hashSlot } from '#shared/store/target/hash-slot.ts';
import { becameReplica, movedAway } from '#shared/store/target/moved-away.ts';
import { keyPrefix, redisOptions } from '#shared/store/target/redis-options.ts';
import { newest } from '#shared/store/target/survey.ts';

describe('a URL of Redis', () => {
  it('names one server, as before', () => {
    expect(redisUrlOf('redis://h')).toMatchObject({
      place: { kind: 'server', addresses: [{ host: 'h', port: 6379 }] },
      login: { user: '', password: '' },
      tls: undefined,
      database: 0,
    });
    expect(redisOptions('redis://app:p%40w@[::1]:7000/3?family=6', 'ringpost')).toMatchObject({
      host: '::1',
      port: 7000,
      username: 'app',
      password: 'p@w',
      db: 3,
      family: 6,
    });
    expect(redisOptions('redis://:secret@h', 'ringpost')).toMatchObject({ password: 'secret', db: 0 });
    expect(redisOptions('rediss://h?servername=redis.test', 'n').tls).toEqual({ servername: 'redis.test' });
  });

  it('names a unix socket', () => {
    expect(redisOptions('redis+unix://app:secret@/run/redis%20one/redis.sock?db=2', 'n')).toMatchObject({
      path: '/run/redis one/redis.sock',
      username: 'app',
      password: 'secret',
      db: 2,
    });
  });

  it('names sentinels and the name of their master', () => {
    const url = 'rediss+sentinel://app:secret@h1,h2:26380,[::1]/main/1?sentinelPassword=other&ca=/ca.pem';
    expect(redisUrlOf(url)).toEqual({
      place: {
        kind: 'sentinel',
        addresses: [
          { host: 'h1', port: 26_379 },
          { host: 'h2', port: 26_380 },
          { host: '::1', port: 26_379 },
        ],
        master: 'main',
        login: { user: '', password: 'other' },
        tls: true,
      },
      login: { user: 'app', password: 'secret' },
      tls: { ca: '/ca.pem', cert: undefined, key: undefined, servername: undefined },
      database: 1,
      family: 0,
    });
  });

  it('names nodes of a Cluster, on which the namespace is the hash tag of all keys', () => {
    const url = 'redis+cluster://h1,h2:7001/';
    expect(redisUrlOf(url).place).toMatchObject({
      kind: 'cluster',
      addresses: [{ port: 6379 }, { port: 7001 }],
    });
    expect(keyPrefix(url, 'ringpost')).toBe('{ringpost}');
    expect(keyPrefix('redis://h', 'ringpost')).toBe('ringpost');
    expect(keyPrefix('redis+sentinel://h/main', 'ringpost')).toBe('ringpost');
  });

  it.each([
    ['redis://', 'is not a URL such as'],
    ['redis://h1,h2', 'only redis+sentinel:// and redis+cluster:// take several'],
    ['redis://app:p/w@h', 'in a password, @ is written %40'],
    ['redis://app:p%w@h', 'in a password, @ is written %40'],
    ['redis+sentinel://h1,h2', 'redis+sentinel://host1,host2,host3/name with its name'],
    ['redis+sentinel://h1,h2/', 'redis+sentinel://host1,host2,host3/name with its name'],
    ['redis+sentinel://app:1/w@h1/name', 'in a password, @ is written %40'],
    ['redis+cluster://h1/2', 'a Cluster has only 0'],
    ['redis+cluster://h1:port/', 'is not a URL such as'],
    ['redis+unix://run/redis.sock', 'redis+unix:///run/redis/redis.sock'],
    ['rediss+unix:///run/redis.sock', 'asks for TLS over a unix socket'],
    ['redis://h?ca=/ca.pem', 'has the parameter ca, which needs rediss'],
    ['rediss://h?cert=/a.pem', 'a client certificate needs both'],
    ['rediss://h?secret=1', 'is none of db, family, ca, cert, key, servername'],
    ['redis://h?family=5', 'family, which is not 4 or 6'],
  ])('%s is refused with one sentence', (url, words) => {
    const parsed = parseRedisUrl(url);
    expect('fault' in parsed ? parsed.fault : 'no fault').toContain(words);
    expect('fault' in parsed && parsed.fault).not.toMatch(/secret|p\/w/);
  });

  it.each([
    [
      'redis+sentinel://app:secret@h1,h2:7/main?sentinelPassword=secret',
      'redis+sentinel://***@h1:26379,h2:7/main',
    ],
    ['redis+sentinel://h1/main/2', 'redis+sentinel://h1:26379/main/2'],
    ['rediss+cluster://:secret@h1,[::1]:7/', 'rediss+cluster://***@h1:6379,[::1]:7'],
    ['redis+unix://app:secret@/run/redis.sock?db=1', 'redis+unix://***@/run/redis.sock'],
    ['redis+sentinel://app:se/cret@h1/main', undefined],
    ['redis+unix://app:se/cret@/run/redis.sock', undefined],
  ])('%s is shown without its secrets', (url, shown) => {
    expect(shownUrl(url)).toBe(shown);
    expect(safeText(`cannot open ${url}`)).not.toMatch(/secret|cret@/);
  });

  it('is changed to that of another user, whatever its form', () => {
    const forms = [
      'redis://h:1/2',
      'redis+sentinel://h1,h2/main',
      'redis+unix:///run/r.sock',
      'rediss+cluster://a:b@h/?ca=/x',
    ];
    for (const form of forms) {
      const changed = urlOfUser(form, 'worker', 'p@w/x');
      expect(redisUrlOf(changed)).toEqual({
        ...redisUrlOf(form),
        login: { user: 'worker', password: 'p@w/x' },
      });
      expect(userOf(changed)).toBe('worker');
    }
  });
});

describe('keys on a Cluster', () => {
  it('have the namespace as their hash tag', () => {
    // From the specification of Redis Cluster, and asked of a server.
    expect(hashSlot('123456789')).toBe(0x31c3);
    expect(hashSlot('ringpost')).toBe(4345);
    const keys = createKeys('{ringpost}');
    const all = [
      keys.desired,
      keys.lease('S1'),
      keys.line('d'),
      keys.wake('g'),
      keys.deadLetters,
      keys.counts,
    ];
    for (const key of [...all, keys.bullMq(keys.queue('S1'), 'wait')])
      expect(/\{([^}]+)\}/.exec(key)?.[1]).toBe('ringpost');
  });

  it('still say whose they are', () => {
    for (const prefix of ['ringpost', '{ringpost}']) {
      const keys = createKeys(prefix);
      expect(tagOf(keys.desired)).toBe('{ring}');
      expect(tagOf(keys.lease('S1'))).toBe('{S1}');
      expect(tagOf(keys.wake('g'))).toBe('');
      expect(keys.aside(keys.lease('S1')).entry('7')).toBe(`${prefix}:{S1}:aside:lease:7`);
    }
  });
});

describe('an error of a server that is not the master', () => {
  const elsewhere = [
    'READONLY You can’t',
    'MOVED 1 h:1',
    'CLUSTERDOWN x',
    'LOADING x',
    'MASTERDOWN x',
    'UNBLOCKED x',
  ];

  it('renews the connection and sends the command again, and others do not', () => {
    for (const message of elsewhere) expect(movedAway(new Error(message))).toBe(2);
    for (const message of ['ERR x', 'OOM x', 'NOREPLICAS x', 'a READONLY'])
      expect(movedAway(new Error(message))).toBe(false);
  });

  it('does so now and then for a single server, which may stay a replica', () => {
    const onError = becameReplica();
    expect(onError(new Error('READONLY x'))).toBe(2);
    expect(onError(new Error('MOVED 1 h:1'))).toBe(false);
  });
});

it('believes the answer with the newest epoch, and the most replicas it is told of', () => {
  const answer = (port: number, epoch: number, replicas: number) => ({
    master: { host: 'h', port },
    epoch,
    replicas,
    others: [],
  });
  expect(newest([answer(1, 3, 2), answer(2, 4, 0), answer(2, 4, 1)])).toEqual(answer(2, 4, 1));
  expect(newest([])).toBeUndefined();
});

describe('a server that ringpost cannot use', () => {
  const info = (fields: Record<string, string>): string =>
    Object.entries({ redis_version: '7.2.4', redis_mode: 'standalone', role: 'master', ...fields })
      .map(([name, value]) => `${name}:${value}`)
      .join('\r\n');

  it.each([
    [{ redis_mode: 'sentinel' }, 'is a sentinel; set the URL to redis+sentinel://h:1/name, with the name of'],
    [{ redis_mode: 'cluster' }, 'is a node of a Cluster; set the URL to redis+cluster://h:1/, with some'],
    [
      { role: 'slave', master_host: 'm', master_port: '2' },
      'is a replica and takes no writes; set the URL to its master, m:2, or to redis+sentinel://…/name',
    ],
    [{ redis_version: '6.3.4', executable: '/usr/bin/keydb-server' }, 'is KeyDB 6.3.4, which has no BLMPOP;'],
    [
      { dragonfly_version: 'df-v1.25.1' },
      'is Dragonfly 1.25.1, which refuses scripts that find out their keys',
    ],
    [{ redis_version: '6.2.0' }, 'is version 6.2.0; ringpost needs 7.0 or newer'],
  ])('%o is named in one sentence with what to do instead', (fields, words) => {
    expect(misfit(info(fields), 'server', 'h:1')).toContain(words);
  });

  it('is not Redis 7 or 8, nor Valkey, nor the kind that the URL names', () => {
    expect(misfit(info({}), 'server', 'h:1')).toBeUndefined();
    expect(misfit(info({ redis_version: '8.0.1' }), 'server', 'h:1')).toBeUndefined();
    expect(misfit(info({ valkey_version: '8.1.0' }), 'unix', undefined)).toBeUndefined();
    expect(misfit(info({ redis_mode: 'cluster' }), 'cluster', undefined)).toBeUndefined();
    expect(misfit(info({ role: 'slave' }), 'sentinel', undefined)).toBeUndefined();
  });
});
