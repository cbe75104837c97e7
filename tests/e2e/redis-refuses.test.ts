import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodeJob } from '#shared/contract/job.ts';
import type { Lease } from '#shared/contract/lease.ts';
import { createKeys } from '#shared/store/keys/keys.ts';
import { createLogger } from '#shared/process/logger.ts';
import { openRedis, whenReady } from '#shared/store/redis/open-redis.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { doubledPosts, mixedLoad, runThoughRefused, tally } from '../fixtures/mixed-load.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import type { OwnRedis } from '../fixtures/own-redis.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

async function pids({ redis }: OwnRedis): Promise<(number | undefined)[]> {
  const { keys } = system();
  const leases = await Promise.all(['S1', 'S2'].map((name) => redis.get(keys.lease(name))));
  // Only workers write leases.
  return leases.map((json) => (json === null ? undefined : (JSON.parse(json) as Lease).pid));
}

/** Ways to make Redis answer every read and refuse every write: the name, how it begins and how it ends. */
const refusals: readonly [
  string,
  (own: OwnRedis) => Promise<unknown>,
  (own: OwnRedis) => Promise<unknown>,
][] = [
  ['read-only', ({ redis }) => redis.replicaof('127.0.0.1', 1), ({ redis }) => redis.replicaof('NO', 'ONE')],
  [
    'without the replicas that it needs',
    ({ redis }) => redis.config('SET', 'min-replicas-to-write', '1'),
    ({ redis }) => redis.config('SET', 'min-replicas-to-write', '0'),
  ],
  [
    'full',
    ({ redis }) => redis.config('SET', 'maxmemory', '1mb'),
    ({ redis }) => redis.config('SET', 'maxmemory', '0'),
  ],
];

describe.each(refusals)('a Redis that is %s', (_, begin, end) => {
  it('means 503 with Retry-After at once, not ready, and service within 2 s of its end', async () => {
    const own = await ownRedis();
    const ledger = `${own.directory}/ledger`;
    const { url } = await system().start({
      REDIS_URL: own.url,
      REPLICAS: '2',
      HANDLER: handlerFile('ledger'),
      LEDGER: ledger,
    });
    const before = await pids(own);
    expect((await fetch(`${url}/-/ready`)).status).toBe(200);
    await begin(own);
    // For longer than a lease.
    const load = mixedLoad(url, { body: 'x'.repeat(100_000) });
    const until = performance.now() + 4000;
    while (performance.now() < until) {
      const asked = performance.now();
      const ready = await fetch(`${url}/-/ready`);
      expect(performance.now() - asked).toBeLessThan(1000);
      expect([ready.status, ready.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await ready.json()).toMatchObject({ code: 'redis_away' });
      await delay(100);
    }
    const refused = await load.stop();
    expect(Object.keys(tally(refused)).toSorted()).toEqual(['GET 503 redis_away', 'POST 503 redis_away']);
    expect(refused.filter(({ retryAfter }) => retryAfter !== '1')).toEqual([]);
    expect(Math.max(...refused.map(({ took }) => took))).toBeLessThan(1000);
    const bodies = await own.redis.keys('*:request-body:*');
    expect(bodies).toEqual([]);
    await end(own);
    const ended = performance.now();
    await expect
      .poll(async () => (await fetch(`${url}/probe`)).status, { timeout: 2000, interval: 20 })
      .toBe(200);
    await expect
      .poll(async () => (await fetch(`${url}/-/ready`)).status, {
        timeout: 2000 - (performance.now() - ended),
        interval: 20,
      })
      .toBe(200);
    await expect.poll(() => pids(own)).toEqual(before);
    expect(await doubledPosts(ledger)).toEqual([]);
    expect(await runThoughRefused(ledger, refused)).toEqual([]);
  });
});

describe('a job whose body is stored in a separate key', () => {
  it.each([
    ['body', ['-set']],
    ['job', ['-eval', '-evalsha']],
  ])('leaves no half of itself behind when Redis refuses the %s', async (_, forbidden) => {
    const own = await ownRedis();
    const keys = createKeys('halves');
    const log = createLogger('test', 'fatal');
    const redis = openRedis(own.url, 'halves', 'failFast', log);
    await whenReady(redis);
    const queues = new JobQueues(new Connection(redis, keys.prefix), log);
    onTestFinished(async () => {
      await queues.close();
      redis.disconnect();
    });
    const body = randomBytes(100_000);
    const job = encodeJob(
      { method: 'POST', target: '/', headers: [], body },
      { gateway: 'g', deadline: Date.now() + 60_000, redelivery: 'never' },
    );
    const stored = { body, ttlMs: 60_000 };
    await queues.add('S1', 'allowed', job, stored);
    expect(await own.redis.exists(keys.job('S1', 'allowed'), keys.requestBody('S1', 'allowed'))).toBe(2);
    await own.redis.call('ACL', 'SETUSER', 'default', ...forbidden);
    await expect(queues.add('S1', 'refused', job, stored)).rejects.toThrow('NOPERM');
    expect(await own.redis.exists(keys.job('S1', 'refused'), keys.requestBody('S1', 'refused'))).toBe(0);
    expect(await own.redis.lrange(keys.unfinished('S1').wait, 0, -1)).toEqual(['allowed']);
  });
});
