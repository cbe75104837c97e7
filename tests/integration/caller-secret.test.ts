import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { SharedSecret } from '../../gateway/caller/caller-secret.ts';
import { openAdmin } from '../fixtures/several-servers.ts';
import { useSystem } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const alice = { authorization: 'Bearer alice' };
const log = createLogger('test', 'fatal');
const connections: Redis[] = [];

afterEach(() => {
  for (const connection of connections.splice(0)) connection.disconnect();
});

function connect(): Redis {
  const connection = openAdmin(system().redisUrl, system().namespace);
  connections.push(connection);
  return connection;
}

function connectToNamespace(): Connection {
  return new Connection(connect(), system().keys.prefix);
}

async function startTwo(settings: NodeJS.ProcessEnv = {}) {
  const shared = { HANDLER: workers.handler, LEDGER: workers.ledger(), ...settings };
  const first = await system().start({ REPLICAS: '1', ...shared });
  const second = await system().start({ ROLE: 'gateway', ...shared });
  await second.gateway.watcher.until(({ ring }) => ring.size === 1, 10_000);
  return [first, second] as const;
}

const storedSecret = (): Promise<string | null> => system().redis.get(system().keys.callerSecret);

/** @returns the status of the answer, and whether it is a replay. */
async function pay(
  url: string,
  key: string,
  who: Record<string, string> = alice,
): Promise<[number, boolean]> {
  const headers = { 'idempotency-key': key, ...who };
  const answer = await fetch(`${url}/pay`, { method: 'POST', body: 'x', headers });
  return [answer.status, answer.headers.has('idempotent-replayed')];
}

describe('without CALLER_SECRET', () => {
  it('all gateways use the secret of the first one, which starts without waiting', async () => {
    const secret = new SharedSecret(connectToNamespace(), log);
    const began = performance.now();
    await secret.confirm();
    expect(performance.now() - began).toBeLessThan(1000);
    const first = await storedSecret();
    expect(first).toMatch(/^[\w-]{43}$/);
    const others = Array.from({ length: 5 }, () => new SharedSecret(connectToNamespace(), log));
    await Promise.all(others.map((other) => other.confirm()));
    expect(others.map(({ key }) => key.equals(secret.key))).toEqual(Array(5).fill(true));
    expect(await storedSecret()).toBe(first);
  });

  it('gateways that start at the same time agree on one secret', async () => {
    const all = Array.from({ length: 10 }, () => new SharedSecret(connectToNamespace(), log));
    await Promise.all(all.map((each) => each.confirm()));
    expect(new Set(all.map(({ key }) => key.toString('hex'))).size).toBe(1);
  });

  it('the gateways restore the secret to an emptied Redis and read each other’s claims', async () => {
    const [first, second] = await startTwo();
    const before = await storedSecret();
    const { redis, keys } = system();
    await redis.unlink(...(await redis.keys(`${keys.prefix}:*`)));
    await expect.poll(storedSecret).toBe(before);
    await expect.poll(async () => (await pay(first.url, 'a'))[0]).toBe(200);
    await expect.poll(async () => (await pay(second.url, 'b'))[0]).toBe(200);
    expect(await pay(second.url, 'a')).toEqual([200, true]);
    expect(await pay(first.url, 'b')).toEqual([200, true]);
    expect((await pay(first.url, 'a', {}))[0]).toBe(422);
  });

  it('a gateway that starts just after the loss takes the secret of the running gateways', async () => {
    const [first] = await startTwo();
    const before = await storedSecret();
    for (let times = 0; times < 5; times += 1) {
      await system().redis.unlink(system().keys.callerSecret);
      await new SharedSecret(connectToNamespace(), log).confirm();
      expect(await storedSecret()).toBe(before);
    }
    await system().redis.unlink(system().keys.callerSecret);
    const [claimed, third] = await Promise.all([
      pay(first.url, 'a'),
      system().start({ ROLE: 'gateway', HANDLER: workers.handler }),
    ]);
    expect(claimed).toEqual([200, false]);
    await third.gateway.watcher.until(({ ring }) => ring.size === 1, 10_000);
    expect(await pay(third.url, 'a')).toEqual([200, true]);
    expect(await storedSecret()).toBe(before);
  });

  it('a starting gateway waits for an unanswered query until any running ring would be stale', async () => {
    const { keys } = system();
    await connect().subscribe(keys.callerSecretSought);
    const began = performance.now();
    await new SharedSecret(connectToNamespace(), log).confirm();
    expect(performance.now() - began).toBeGreaterThanOrEqual(1900);
    expect(await storedSecret()).not.toBeNull();
  });

  it.each(['garbled', ''])(
    'a secret that is %j is moved aside, and the right one is restored',
    async (text) => {
      const [first, second] = await startTwo();
      const before = await storedSecret();
      await pay(first.url, 'a');
      await system().redis.set(system().keys.callerSecret, text);
      await expect.poll(storedSecret).toBe(before);
      await system()
        .redis.multi()
        .del(system().keys.callerSecret)
        .rpush(system().keys.callerSecret, 'x')
        .exec();
      const type = (): Promise<string> => system().redis.type(system().keys.callerSecret);
      await expect.poll(type).toBe('string');
      expect(await storedSecret()).toBe(before);
      expect(await pay(second.url, 'a')).toEqual([200, true]);
    },
  );

  it('all gateways adopt a replaced secret, and earlier claims count as another caller’s', async () => {
    const [first, second] = await startTwo();
    await pay(first.url, 'a');
    await system().redis.set(system().keys.callerSecret, 'x'.repeat(43));
    await expect.poll(() => pay(first.url, 'a')).toEqual([422, false]);
    await expect.poll(() => pay(second.url, 'a')).toEqual([422, false]);
    expect(await pay(first.url, 'b')).toEqual([200, false]);
    expect(await pay(second.url, 'b')).toEqual([200, true]);
  });
});

it('with CALLER_SECRET gateways agree without Redis, which stores no secret', async () => {
  const [first, second] = await startTwo({ CALLER_SECRET: 'a secret of some length' });
  expect(await storedSecret()).toBeNull();
  expect(await pay(first.url, 'a')).toEqual([200, false]);
  expect(await pay(second.url, 'a')).toEqual([200, true]);
  expect((await pay(second.url, 'a', {}))[0]).toBe(422);
  expect(await storedSecret()).toBeNull();
  const other = await system().start({
    ROLE: 'gateway',
    CALLER_SECRET: 'another secret of that length',
    ALLOW_SETTINGS_CHANGE: 'yes',
  });
  await other.gateway.watcher.until(({ ring }) => ring.size === 1, 10_000);
  expect((await pay(other.url, 'a'))[0]).toBe(422);
});
