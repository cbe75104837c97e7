import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Redis } from 'ioredis';
import { createLogger } from '#shared/process/logger.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import { lackingRights } from '#shared/store/redis/redis-dry-run.ts';
import { redisRights, redisRoles } from '#shared/store/redis/redis-users.ts';
import { checkRedis } from '#shared/store/redis/check-redis.ts';
import { openRedis, whenReady } from '#shared/store/redis/open-redis.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { openAdmin } from '../fixtures/several-servers.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const opened: Redis[] = [];

beforeEach(() => system().expectRefusals());
afterEach(() => opened.splice(0).forEach((redis) => redis.disconnect()));

/** Disconnects a connection after the test. */
function closeLater<T extends Redis>(redis: T): T {
  opened.push(redis);
  return redis;
}

/** Changes the ACL rules of a role's user. */
async function change(role: string, ...rules: readonly string[]): Promise<void> {
  const { redis, namespace } = system();
  await redis.call('ACL', 'SETUSER', `${namespace}-${role}`, ...rules);
}

describe.each(redisRoles)('the rights of a %s', (role) => {
  const lacking = async (): Promise<string[]> => {
    const { redisUrl, namespace, keys } = system();
    return lackingRights(
      closeLater(openAdmin(roleUrl(redisUrl, namespace, role), namespace)),
      role,
      keys.prefix,
      'cluster',
    );
  };

  it('are complete by default, and checking them changes nothing', async () => {
    const { redis, keys } = system();
    expect(await lacking()).toEqual([]);
    expect(await redis.keys(`${keys.prefix}:*`)).toEqual([]);
  });

  it('are all checked, and each missing one is named', async () => {
    const { commands, channels } = redisRights(role, system().keys.prefix);
    await change(role, 'resetkeys', 'resetchannels', '-@all', '+multi', '+discard');
    const found = await lacking();
    const unchecked = new Set([
      // A gateway that lacks it says so later, and writes all events.
      'CLIENT LIST',
      'CLIENT SETNAME',
      'DISCARD',
      'EXEC',
      'MULTI',
      'PUBLISH',
      'SELECT',
      'SUBSCRIBE',
      'UNSUBSCRIBE',
    ]);
    const names = Object.values(commands).flatMap((each) =>
      each.map((name) => name.toUpperCase().replace('|', ' ')),
    );
    expect(names.filter((name) => !unchecked.has(name) && !found.includes(name))).toEqual([]);
    expect(found.filter((what) => what.startsWith('the channel'))).toHaveLength(channels.length);
    expect(found.filter((what) => what.startsWith('the key')).length).toBeGreaterThan(3);
  });
});

describe('a start with a user that lacks a right', () => {
  it('is refused with one sentence that names the user and all missing rights', async () => {
    const { redisUrl, namespace } = system();
    await change('gateway', '-blmpop', '-scan', 'resetchannels');
    await expect(checkRedis(roleUrl(redisUrl, namespace, 'gateway'), ['gateway'], namespace)).rejects.toThrow(
      new RegExp(
        `does not let the user ${namespace}-gateway use SCAN, BLMPOP, the channel .*; ` +
          'give it the rights of gateway in docs/security.md\\.$',
      ),
    );
  });

  it('names the user that may not run INFO, and the user whose password is wrong', async () => {
    const { redisUrl, namespace } = system();
    const url = roleUrl(redisUrl, namespace, 'controller');
    await change('controller', '-info');
    await expect(checkRedis(url)).rejects.toThrow(`The Redis user ${namespace}-controller may not run INFO`);
    await change('controller', 'resetpass');
    await expect(checkRedis(url)).rejects.toThrow(
      `Redis knows no user ${namespace}-controller with this password`,
    );
  });
});

it('a right that is removed later is logged in one line, once for each command', async () => {
  const { redisUrl, namespace, keys } = system();
  const lines: { msg: string }[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      lines.push(JSON.parse(String(chunk)) as { msg: string }); // as pino writes it
      done();
    },
  });
  const redis = closeLater(
    openRedis(roleUrl(redisUrl, namespace, 'worker'), `${namespace}:told`, 'patient', pino(stream)),
  );
  await whenReady(redis);
  await change('worker', '-hget');
  for (let times = 0; times < 3; times += 1)
    await expect(redis.hget(keys.job('S1', 'x'), 'data')).rejects.toThrow('NOPERM');
  await expect(redis.get(keys.leader)).rejects.toThrow('NOPERM');
  await expect(redis.eval("return redis.call('GET', 'x')", 0)).rejects.toThrow(
    /can't access|No permissions to access a key/,
  );
  expect(lines.map(({ msg }) => msg.replace(`${namespace}-`, ''))).toEqual([
    'The Redis user worker may not run HGET; docs/security.md lists the rights that each role needs',
    'The Redis user worker may not use a key that GET names; ' +
      'docs/security.md lists the rights that each role needs',
    'The Redis user worker may not use a key of a script; ' +
      'docs/security.md lists the rights that each role needs',
  ]);
});

describe('a Redis that comes back without its users', () => {
  it('means 503 at once, and keeps neither gateway nor controller from stopping', async () => {
    const own = await ownRedis();
    const { url, gateway, controller } = await system().start({ REDIS_URL: own.url, REPLICAS: '1' });
    await own.kill();
    expect((await fetch(`${url}/rep`)).status).toBe(503);
    await own.restart([]);
    const asked = performance.now();
    expect((await fetch(`${url}/home`)).status).toBe(503);
    expect((await fetch(`${url}/-/ready`)).status).toBe(503);
    expect(performance.now() - asked).toBeLessThan(2500);
    const stopping = performance.now();
    await gateway.stop();
    await controller?.stop();
    expect(performance.now() - stopping).toBeLessThan(5000);
  });
});

describe('garbled data that a worker may not move aside', () => {
  const patience = { timeout: 10_000 };

  it.each([
    ['the list of a queue', ({ keys }: ReturnType<typeof system>) => keys.unfinished('S1').wait],
    ['a key of the ring', ({ keys }: ReturnType<typeof system>) => keys.offered],
  ])('is moved aside by the controller at its request: %s', async (_, keyOf) => {
    const { start, redis, redisUrl, namespace, keys } = system();
    await start({ REPLICAS: '1' });
    const key = keyOf(system());
    const own = closeLater(openAdmin(roleUrl(redisUrl, namespace, 'worker'), namespace));
    const repair = new KeyRepair(new Connection(own, keys.prefix), createLogger('test', 'silent'), 'worker');
    await redis.del(key);
    await redis.set(key, 'garbage');
    const failure = await own.llen(key).catch((error: unknown) => error);
    const type = key === keys.offered ? 'set' : 'list';
    await repair.after(failure, () => [{ key, type, ...(type === 'list' ? { lists: '{S1}' } : {}) }]);
    await expect.poll(() => redis.type(key), patience).not.toBe('string');
    expect(await redis.keys(`${keys.prefix}:*:aside:*`)).not.toEqual([]);
  });
});
