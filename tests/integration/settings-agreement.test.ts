import { describe, expect, it } from 'vitest';
import { SettingsDifferError } from '../../gateway/ring/agreement.ts';
import { runCommand } from '../fixtures/command.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { ask } from '../fixtures/raw-http.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';

const system = useSystem();
const alone = { ROLE: 'gateway' };

/** Starts a system whose only replica is ready, and a second gateway. */
async function startTwo(env: NodeJS.ProcessEnv = {}): Promise<[RunningGateway, RunningGateway]> {
  await leaseReplicas(system());
  const first = await system().start({
    REPLICA_DRIVER: 'none',
    REPLICAS: '1',
    REPLY_TIMEOUT_MS: '50',
    ...env,
  });
  return [first, await system().start({ ...alone, REPLY_TIMEOUT_MS: '50', ...env })];
}

const codeOf = async (url: string, target: string, headers: readonly string[] = []): Promise<unknown> => {
  const answer = await ask(url, { target, headers });
  const { code } = JSON.parse(answer.body.toString()) as { code?: string }; // all of these are JSON
  return [
    answer.status,
    code,
    answer.headers.includes('Retry-After') || answer.headers.includes('retry-after'),
  ];
};
const refused = [503, 'settings_differ', true];
/** A leased replica has no worker that would answer. */
const dispatched = [504, 'reply_timeout', false];
const readyOf = async (url: string): Promise<number> => (await ask(url, { target: '/-/ready' })).status;

describe('a gateway that starts', () => {
  it('with another HASH_KEY is refused; the error names both values and what to do', async () => {
    const [, second] = await startTwo({ HASH_KEY: 'header:X-Key,path' });
    const before = await system().redis.hgetall(system().keys.settings);
    const start = system().start({ ...alone, HASH_KEY: 'path', CALLER_KEY: 'header:x-api-key' });
    await expect(start).rejects.toThrow(SettingsDifferError);
    await expect(start).rejects.toThrow(
      'HASH_KEY is "path" here, "header:x-key,path" in Redis; CALLER_KEY is "header:x-api-key" here, ' +
        '"header:authorization,header:x-api-key,header:cookie" in Redis). ' +
        'Use the same settings or another NAMESPACE. ' +
        'To change them, start one gateway with ALLOW_SETTINGS_CHANGE=yes',
    );
    expect(await system().redis.hgetall(system().keys.settings)).toEqual(before);
    expect(await readyOf(second.url)).toBe(200);
  });

  it('with the same settings in another spelling is not refused', async () => {
    await startTwo({ HASH_KEY: 'header:X-Key,path' });
    const { url } = await system().start({
      ...alone,
      HASH_KEY: ' HEADER:x-key , path'.replace('HEADER', 'header'),
    });
    expect(await readyOf(url)).toBe(200);
  });

  it('with another secret of callers is refused; the error shows neither secret', async () => {
    await startTwo({ CALLER_SECRET: 'one secret of callers' });
    const other = system().start({ ...alone, CALLER_SECRET: 'other secret of callers' });
    await expect(other).rejects.toThrow('(CALLER_SECRET is another secret here than in Redis)');
    const none = system().start(alone);
    await expect(none).rejects.toThrow('(CALLER_SECRET is unset here, a secret in Redis)');
  });

  it('as the first one after an upgrade adds the settings that are missing', async () => {
    const { redis, keys } = system();
    await startTwo();
    await redis.del(keys.settings);
    await system().start(alone);
    expect(await redis.hgetall(keys.settings)).toMatchObject({ HASH_KEY: 'header:ringpost-key,random' });
  });

  it('as a process prints the error in one line and exits with 1', async () => {
    await startTwo();
    const { redisUrl, namespace } = system();
    const command = runCommand(process.execPath, ['gateway/main.ts'], {
      REDIS_URL: roleUrl(redisUrl, namespace, 'gateway'),
      NAMESPACE: namespace,
      ROLE: 'gateway',
      PORT: '0',
      HASH_KEY: 'path',
    });
    expect(await command.exited).toMatchObject({ code: 1 });
    expect(command.stderr()).toMatch(/^ringpost: This gateway's settings [^\n]*\n$/);
  });

  it('may have other settings if it is only a controller', async () => {
    await startTwo();
    const command = runCommand(process.execPath, ['gateway/main.ts'], {
      REDIS_URL: roleUrl(system().redisUrl, system().namespace, 'controller'),
      NAMESPACE: system().namespace,
      ROLE: 'controller',
      REPLICA_DRIVER: 'none',
      HASH_KEY: 'path',
    });
    await expect.poll(() => command.stdout(), { timeout: 20_000 }).toContain('ringpost controller ready');
    command.kill('SIGTERM');
    expect(await command.exited).toMatchObject({ code: 0 });
  });
});

describe('ALLOW_SETTINGS_CHANGE=yes', () => {
  it('replaces the settings; other gateways refuse requests until theirs are the same', async () => {
    const [first, second] = await startTwo({ HASH_KEY: 'path' });
    expect(await codeOf(first.url, '/a')).toEqual(dispatched);
    const third = await system().start({
      ...alone,
      HASH_KEY: 'ip',
      REPLY_TIMEOUT_MS: '50',
      ALLOW_SETTINGS_CHANGE: 'yes',
    });
    for (const { url } of [first, second]) {
      await expect.poll(() => readyOf(url), { timeout: 5000, interval: 10 }).toBe(503);
      expect(await codeOf(url, '/-/ready')).toEqual(refused);
      expect(await codeOf(url, '/a')).toEqual(refused);
      expect(await codeOf(url, '/a', ['Prefer', 'respond-async'])).toEqual(refused);
      expect(await codeOf(url, '/a', ['Idempotency-Key', 'k'])).toEqual(refused);
      // The gateway is alive, and shows what it knows.
      expect((await ask(url, { target: '/-/live' })).status).toBe(200);
      expect((await ask(url, { target: '/rep' })).status).toBe(200);
    }
    expect(await readyOf(third.url)).toBe(200);
    expect(await codeOf(third.url, '/a')).toEqual(dispatched);
    const back = await system().start({ ...alone, HASH_KEY: 'path', ALLOW_SETTINGS_CHANGE: 'yes' });
    for (const { url } of [first, second, back]) {
      await expect.poll(() => readyOf(url), { timeout: 5000, interval: 10 }).toBe(200);
    }
    await expect.poll(() => readyOf(third.url), { timeout: 5000, interval: 10 }).toBe(503);
  });

  it('is noticed within a second even if the notification is lost', async () => {
    const [first] = await startTwo();
    await system().redis.hset(system().keys.settings, 'HASH_KEY', 'path');
    await expect.poll(() => readyOf(first.url), { timeout: 2000, interval: 10 }).toBe(503);
  });
});

describe('settings that Redis has lost', () => {
  it('are restored by a running gateway', async () => {
    const [first] = await startTwo({ HASH_KEY: 'path' });
    const { redis, keys } = system();
    await redis.del(keys.settings);
    await expect.poll(() => redis.hget(keys.settings, 'HASH_KEY'), { timeout: 5000 }).toBe('path');
    expect(await readyOf(first.url)).toBe(200);
  });

  it('are not restored by a gateway that differs', async () => {
    const [first] = await startTwo({ HASH_KEY: 'path' });
    const { redis, keys } = system();
    const third = await system().start({ ...alone, HASH_KEY: 'ip', ALLOW_SETTINGS_CHANGE: 'yes' });
    await expect.poll(() => readyOf(first.url), { timeout: 5000, interval: 10 }).toBe(503);
    await redis.del(keys.settings);
    await expect.poll(() => redis.hget(keys.settings, 'HASH_KEY'), { timeout: 5000 }).toBe('ip');
    expect(await readyOf(third.url)).toBe(200);
    expect(await readyOf(first.url)).toBe(503);
  });
});
