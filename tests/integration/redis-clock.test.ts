import { expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { redisRoles } from '#shared/store/redis/redis-users.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

it.each(redisRoles)('the clock of a %s is measured again after a reconnect', async (role) => {
  const { redisUrl, namespace, redis } = system();
  const log = createLogger('test', 'silent');
  const url = roleUrl(redisUrl, namespace, role);
  const own = openConnection({ url, namespace, name: 'clock', use: 'failFast' }, log);
  try {
    const clock = clockOf(own);
    expect(clockOf(own)).toBe(clock);
    const measured = (): Promise<void> => new Promise((resolve) => clock.onMeasured(resolve));
    await measured();
    const ofRedis = async (): Promise<number> => {
      const [seconds = 0, micros = 0] = await redis.time();
      return seconds * 1000 + micros / 1000;
    };
    const before = await ofRedis();
    const now = clock.now();
    // The clock never runs ahead of Redis. It may lag by the round trip of a measurement.
    expect(now).toBeLessThanOrEqual(await ofRedis());
    expect(now).toBeGreaterThan(before - 1000);
    const again = measured();
    const clients = String(await redis.client('LIST')).split('\n');
    const id = /^id=(\d+)/.exec(clients.find((line) => line.includes(`name=${namespace}:clock`)) ?? '')?.[1];
    await redis.client('KILL', 'ID', id ?? '');
    await again;
  } finally {
    own.close();
  }
});
