import { expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { defaultParameters } from '#shared/ring/strategies.ts';
import { redisOf } from '#shared/store/redis/access.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import { GatewayNotices } from '#shared/store/ring/gateway-notices.ts';
import { RingStore } from '#shared/store/ring/ring-store.ts';
import { RingWatcher } from '../../gateway/ring/ring-watcher.ts';
import { stageReplicas } from '../fixtures/staged-replicas.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');

it('a ring is read again if its version, a size or a shared text has changed, and else not', async () => {
  const { connection, redis, keys } = system();
  await stageReplicas(connection, 3);
  const store = new RingStore(connection, log);
  let { mark } = await store.readUnless('unknown');
  expect(mark).toMatch(/^\d+ 3 /);
  const hasChanged = async (): Promise<boolean> => {
    const read = await store.readUnless(mark);
    mark = read.mark;
    return read.state !== undefined;
  };
  expect(await hasChanged()).toBe(false);
  const changes: Record<string, () => Promise<unknown>> = {
    version: () => redis.incr(keys.version),
    desired: () => redis.hdel(keys.desired, 'S3'),
    ring: () => redis.hdel(keys.ring, 'S3'),
    retired: () => redis.hset(keys.retired, 'S3', '1'),
    settings: () => redis.hset(keys.settings, 'HASH_KEY', 'header:x'),
    upstreams: () => redis.set(keys.upstreams, '["http://a.test"]'),
    positions: () => redis.hset(keys.upstreamPositions, 'S1', '0'),
    drained: () => redis.hset(keys.drained, 'S1', '1'),
    restarts: () => redis.hset(keys.restarts, 'S1', '1'),
    joined: () => redis.set(keys.joined, '9'),
    all: () => redis.del(keys.version, keys.desired, keys.ring, keys.joined),
  };
  for (const [what, change] of Object.entries(changes)) {
    await change();
    expect(await hasChanged(), what).toBe(true);
    expect(await hasChanged(), what).toBe(false);
  }
  expect((await store.read()).version).toBe(-1);
});

it('a gateway notices within some seconds a change that has left the mark as it was', async () => {
  const { connection, redis, keys } = system();
  await stageReplicas(connection, 3);
  const { gateway } = await system().start({ ROLE: 'gateway' });
  expect(gateway.watcher.state.ring.get('S1')).toBe(1);
  await redis.hset(keys.ring, 'S1', '7');
  await expect.poll(() => gateway.watcher.state.ring.get('S1'), { timeout: 8000 }).toBe(7);
  expect(gateway.watcher.stale).toBe(false);
});

/** Notes by which marks the ring was asked for. Reads fail while `fails` is true. */
class NotingStore extends RingStore {
  readonly asked: (string | undefined)[] = [];
  fails = false;

  override readUnless(known: string | undefined): ReturnType<RingStore['readUnless']> {
    this.asked.push(known);
    return this.fails ? Promise.reject(new Error('Redis does not answer')) : super.readUnless(known);
  }
}

it('after a new connection the whole ring is read, also if the first read of it fails', async () => {
  const { connection: admin, redisUrl: url, namespace } = system();
  await stageReplicas(admin, 3);
  const open = (name: string): typeof admin => openConnection({ url, namespace, name, use: 'patient' }, log);
  const [connection, subscriber] = [open('watched'), open('notices')];
  const store = new NotingStore(connection, log);
  const watcher = new RingWatcher({
    store,
    notices: new GatewayNotices(subscriber),
    connection,
    parameters: defaultParameters('murmur3'),
    alsoConfirm: () => Promise.resolve(),
    log,
  });
  try {
    await watcher.start();
    await watcher.refresh();
    expect(store.asked.at(-1)).toMatch(/ 3 /);
    store.fails = true;
    const before = store.asked.length;
    redisOf(connection).disconnect(true);
    await expect.poll(() => store.asked.slice(before), { timeout: 3000 }).toContain('unknown');
    store.fails = false;
    const failed = store.asked.length;
    await expect.poll(() => store.asked.length, { timeout: 3000 }).toBeGreaterThan(failed + 1);
    expect(store.asked[failed]).toBe('unknown');
    expect(store.asked[failed + 1]).toMatch(/ 3 /);
  } finally {
    await watcher.stop();
    connection.close();
    subscriber.close();
  }
});
