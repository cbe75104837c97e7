import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { call, remove } from '../fixtures/admin-calls.ts';
import { doubledPosts } from '../fixtures/mixed-load.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

afterEach(() => void vi.restoreAllMocks());

describe('a job that arrives in the queue of a replica that is gone', () => {
  it.each(['GET', 'POST'])(
    'is taken back, and the client of a %s gets its answer from another replica',
    async (method) => {
      const own = await ownRedis();
      const ledger = `${own.directory}/ledger`;
      const { url, gateway } = await system().start({
        REDIS_URL: own.url,
        REPLICAS: '2',
        HANDLER: handlerFile('ledger'),
        LEDGER: ledger,
      });
      const ring = gateway.watcher.ring;
      const key =
        Array.from({ length: 100 }, (_, at) => `key-${at}`).find((each) => ring.owner(each) === 'S2') ?? '';
      // As if the gateway were frozen between reading the ring and writing to Redis.
      const gone = Promise.withResolvers<void>();
      const add = JobQueues.prototype.add;
      const spy = vi.spyOn(JobQueues.prototype, 'add').mockImplementation(async function late(
        this: JobQueues,
        ...args
      ) {
        await gone.promise;
        await add.apply(this, args);
      });
      const asked = call(method, `${url}/late`, { headers: { 'ringpost-key': key } });
      await expect.poll(() => gateway.dispatcher.waitingCount).toBe(1);
      expect((await remove(url, 1, ['S2'])).status).toBe(200);
      const { keys } = system();
      await expect.poll(() => own.redis.hexists(keys.retired, 'S2')).toBe(0);
      await expect.poll(() => own.redis.exists(keys.lease('S2'))).toBe(0);
      gone.resolve();
      const late = performance.now();
      const answer = await asked;
      expect(performance.now() - late).toBeLessThan(5000);
      expect([answer.status, answer.headers['ringpost-replica']]).toEqual([200, 'S1']);
      expect(spy.mock.calls.map(([replica]) => replica)).toEqual(['S2', 'S1']);
      expect(await own.redis.llen(keys.unfinished('S2').wait)).toBe(0);
      expect(await doubledPosts(ledger)).toEqual([]);
    },
  );
});

describe('a job whose client leaves while Redis is away', () => {
  it('is taken back as soon as Redis is back', async () => {
    const own = await ownRedis();
    const ledger = `${own.directory}/ledger`;
    const { url, gateway } = await system().start({
      REDIS_URL: own.url,
      REPLICAS: '1',
      CONCURRENCY: '1',
      HANDLER: handlerFile('ledger'),
      LEDGER: ledger,
    });
    const first = fetch(`${url}/first?ms=3000`);
    await expect.poll(async () => own.redis.llen(system().keys.unfinished('S1').active)).toBe(1);
    const leaving = new AbortController();
    const second = fetch(`${url}/second`, { method: 'POST', signal: leaving.signal }).catch(() => 'left');
    await expect.poll(async () => own.redis.llen(system().keys.unfinished('S1').wait)).toBe(1);
    await own.kill();
    leaving.abort();
    expect(await second).toBe('left');
    await expect.poll(() => gateway.dispatcher.waitingCount).toBe(1);
    await own.restart();
    if (own.redis.status !== 'ready') await once(own.redis, 'ready');
    await expect
      .poll(async () => own.redis.llen(system().keys.unfinished('S1').wait), { timeout: 2500 })
      .toBe(0);
    expect((await first).status).toBe(200);
  });
});
