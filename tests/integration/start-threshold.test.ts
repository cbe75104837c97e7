import { describe, expect, it } from 'vitest';
import { RingStore } from '#shared/store/ring/ring-store.ts';
import { createLogger } from '#shared/process/logger.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { ask } from '../fixtures/raw-http.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const alone = { ROLE: 'gateway' };

interface Ready {
  readonly status: number;
  readonly code?: string;
  readonly detail?: string;
  readonly replicas?: readonly string[];
}

async function ready(url: string): Promise<Ready> {
  const { status, body } = await ask(url, { target: '/-/ready' });
  // As the route answers.
  const { code, detail, replicas } = JSON.parse(body.toString()) as Omit<Ready, 'status'>;
  return {
    status,
    ...(code === undefined ? {} : { code, detail: detail ?? '' }),
    ...(replicas === undefined ? {} : { replicas }),
  };
}

/** Adds desired replicas without a controller. */
async function desire(...names: readonly string[]): Promise<void> {
  const { redis, keys } = system();
  const store = new RingStore(new Connection(redis, keys.prefix), createLogger('test', 'silent'));
  const add = names.map((name, at) => ({ name, joined: at + 1, weight: 1 }));
  await store.changeDesired(() => ({ add, remove: [] }), 1);
}

/** Puts replicas into the ring, or out of it, as a controller would. */
async function change(what: {
  readonly in?: readonly string[];
  readonly out?: readonly string[];
}): Promise<void> {
  const { redis, keys } = system();
  const calls = redis.multi().incr(keys.version);
  for (const name of what.in ?? []) calls.hset(keys.ring, name, '1');
  for (const name of what.out ?? []) calls.hdel(keys.ring, name);
  await calls.publish(keys.changes, 'changed').exec();
}

describe('/-/ready of a gateway that has just started', () => {
  it('is 503 until all desired replicas were in the ring at once, and names the missing ones', async () => {
    const { url, gateway } = await system().start({ ...alone, READY_AFTER_MS: '60000' });
    expect(await ready(url)).toMatchObject({ status: 503, code: 'no_replica' });
    await desire('S1', 'S2', 'S3');
    await change({ in: ['S1'] });
    await gateway.watcher.until(({ ring }) => ring.size === 1, 5000);
    expect(await ready(url)).toMatchObject({ status: 503, code: 'starting' });
    expect((await ready(url)).detail).toMatch(/the first start of S2, S3, for (?:60|59|5\d) s at most/);
    // Only readiness waits; requests are served with the ring as it is.
    expect((await ask(url, { target: '/-/ring' })).status).toBe(200);
    await change({ in: ['S2', 'S3'] });
    await gateway.watcher.until(({ ring }) => ring.size === 3, 5000);
    expect(await ready(url)).toEqual({ status: 200, replicas: ['S1', 'S2', 'S3'] });
    // The ring was whole once, so a later loss does not count as a start.
    await change({ out: ['S1', 'S2'] });
    await gateway.watcher.until(({ ring }) => ring.size === 1, 5000);
    expect(await ready(url)).toEqual({ status: 200, replicas: ['S3'] });
    await change({ out: ['S3'] });
    await gateway.watcher.until(({ ring }) => ring.size === 0, 5000);
    expect(await ready(url)).toMatchObject({ status: 503, code: 'no_replica' });
  });

  it('is 200 after READY_AFTER_MS although a replica does not start', async () => {
    await desire('S1', 'S2');
    const { url, gateway } = await system().start({ ...alone, READY_AFTER_MS: '1000' });
    expect(await ready(url)).toMatchObject({ status: 503, code: 'no_replica' });
    await change({ in: ['S1'] });
    await gateway.watcher.until(({ ring }) => ring.size === 1, 5000);
    const began = performance.now();
    await expect.poll(() => ready(url), { timeout: 10_000, interval: 20 }).toMatchObject({ status: 200 });
    expect(performance.now() - began).toBeGreaterThan(500);
  });

  it('is 200 at once if the gateway joins a system whose ring is whole', async () => {
    await leaseReplicas(system());
    await system().start({ REPLICA_DRIVER: 'none', REPLICAS: '2' });
    const { url } = await system().start({ ...alone, READY_AFTER_MS: '3600000' });
    expect(await ready(url)).toEqual({ status: 200, replicas: ['S1', 'S2'] });
  });

  it('stays 503 without a replica', async () => {
    const { url } = await system().start({ REPLICA_DRIVER: 'none', REPLICAS: '0', READY_AFTER_MS: '0' });
    expect(await ready(url)).toMatchObject({ status: 503, code: 'no_replica' });
  });

  it('is first 200 with all replicas while real workers start one by one', async () => {
    const { url } = await system().start({ ...alone, READY_AFTER_MS: '60000' });
    const starting = system().start({ REPLICAS: '3' });
    const answers: Ready[] = [];
    do answers.push(await ready(url));
    while (answers.at(-1)?.status !== 200);
    expect(answers.at(-1)?.replicas).toEqual(['S1', 'S2', 'S3']);
    const codes = new Set(answers.slice(0, -1).map(({ code }) => code));
    expect([...codes].filter((code) => code !== 'no_replica' && code !== 'starting')).toEqual([]);
    await starting;
  });
});
