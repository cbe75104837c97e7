import { describe, expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { RingStore } from '#shared/store/ring/ring-store.ts';
import { defaultParameters } from '#shared/ring/strategies.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { placeAll } from '../../gateway/ring/replica-changes.ts';
import { add, remove } from '../fixtures/admin-calls.ts';
import { whenReady, useScratch } from '../fixtures/scratch.ts';
import { keyOf } from '../fixtures/ring-keys.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const scratch = useScratch();

/** Adds a desired replica as an older version did that reserved no names. */
async function desire(name: string): Promise<void> {
  const { redis, keys } = system();
  const store = new RingStore(new Connection(redis, keys.prefix), createLogger('test', 'silent'));
  await store.changeDesired(
    (state) => ({ add: placeAll(state, [name], defaultParameters('murmur3', {})), remove: [] }),
    Date.now(),
  );
}

describe('/add', () => {
  it('refuses reserved names and names invalid for containers, and changes nothing', async () => {
    const { url } = await system().start({ REPLICAS: '1' });
    const { redis, keys } = system();
    const version = await redis.get(keys.version);
    for (const name of [
      'ring',
      'Ring',
      'redis',
      'GATEWAY',
      'controller',
      'callbacks',
      'localhost',
      '10.0.0.1',
    ]) {
      const { status, text } = await add(url, 2, ['S9', name]);
      expect([status, JSON.parse(text)], name).toEqual([
        400,
        { message: expect.stringMatching(`^<Error> hostname "${name}" is `) as string, status: 'failure' },
      ]);
    }
    expect(await redis.get(keys.version)).toBe(version);
    expect(await redis.hkeys(keys.desired)).toEqual(['S1']);
  });
});

describe('a gateway whose replicas are containers', () => {
  it('refuses a name that is too short for a container', async () => {
    await system().start({ REPLICAS: '1' });
    const { url } = await system().start({ ROLE: 'gateway', REPLICA_DRIVER: 'docker' });
    const { status, text } = await add(url, 1, ['x']);
    expect([status, text]).toEqual([400, expect.stringContaining('too short for a container') as string]);
  });
});

describe('an existing replica with a reserved name', () => {
  it('continues to work, is not moved aside, and can be removed', async () => {
    // This replica's keys look like keys of the ring, which the worker's own user may not write.
    const settings = { REPLICAS: '1', LEASE_MS: '900', WORKER_REDIS_URL: system().redisUrl };
    const first = await system().start(settings);
    const { redis, keys } = system();
    await desire('ring');
    await first.gateway.watcher.until(({ ring }) => ring.has('ring'), 20_000);
    // The next leader continues from the number that the replica's worker left under the same key.
    await first.stop();
    const second = await system().start(settings);
    const { url, gateway } = second;
    expect(await redis.get(keys.leader)).toMatch(/#\d{16}$/);
    const key = keyOf(gateway, 'ring');
    const served = async (): Promise<string | null> =>
      (await fetch(`${url}/home`, { headers: { 'ringpost-key': key } })).headers.get('ringpost-replica');
    await expect.poll(served, { timeout: 20_000 }).toBe('ring');
    expect(await redis.hkeys(keys.desired)).toEqual(expect.arrayContaining(['S1', 'ring']));
    expect(await redis.exists(keys.aside(keys.desired).index)).toBe(0);
    expect((await remove(url, 1, ['ring'])).status).toBe(200);
    expect(await served()).toBe('S1');
  });

  it('is logged in one warning', async () => {
    const { redisUrl, namespace } = system();
    const first = await system().start({ REPLICAS: '1' });
    await desire('gateway-1');
    await desire('S2');
    await first.gateway.watcher.until(({ ring }) => ring.size === 3, 20_000);
    await first.stop();
    const { start } = await scratch();
    const running = await whenReady(start({ REDIS_URL: redisUrl, NAMESPACE: namespace }));
    expect(running.replicas).toEqual(expect.arrayContaining(['gateway-1', 'S2']));
    const warnings = running
      .stderr()
      .split('\n')
      .filter((line) => line.includes('is reserved'));
    expect(warnings).toHaveLength(1);
    expect(JSON.parse(warnings[0] ?? '')).toMatchObject({ level: 40, replica: 'gateway-1' });
  });
});
