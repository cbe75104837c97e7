import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { redisOptions } from '#shared/store/target/redis-options.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { createRing, defaultParameters } from '#shared/ring/strategies.ts';
import { call, remove } from '../fixtures/admin-calls.ts';
import { doubledPosts, mixedLoad, tally } from '../fixtures/mixed-load.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import type { ReadyCommand } from '../fixtures/scratch.ts';
import { fileRedisUrl } from '../fixtures/file-redis.ts';
import { keysOn } from '../fixtures/redis-group.ts';

const scratch = useScratch();

interface Parts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly ledger: string;
  /** The gateway that runs with the controller. */
  readonly first: ReadyCommand;
  readonly second: ReadyCommand;
}

/** Starts two gateways as processes, one of them with the controller. */
async function startTwo(settings: NodeJS.ProcessEnv = {}): Promise<Parts> {
  const { startReady, folder } = await scratch();
  const namespace = `faults-${randomBytes(4).toString('hex')}`;
  const ledger = `${folder}/ledger`;
  const env = {
    REDIS_URL: fileRedisUrl,
    NAMESPACE: namespace,
    REPLICAS: '2',
    HANDLER: handlerFile('ledger'),
    LEDGER: ledger,
    ...settings,
  };
  const first = await startReady(env);
  const second = await startReady({ ...env, ROLE: 'gateway' });
  const redis = new Redis(redisOptions(fileRedisUrl, namespace));
  onTestFinished(async () => {
    const left = await redis.keys(`${keysOn(fileRedisUrl, namespace).prefix}:*`);
    if (left.length > 0) await redis.unlink(...left);
    redis.disconnect();
  });
  return { redis, keys: keysOn(fileRedisUrl, namespace), ledger, first, second };
}

describe('a gateway that was frozen until its ring was too old to use', () => {
  it('sends nothing to a replica that left meanwhile, and loses nothing', async () => {
    const { first, second, ledger, redis, keys } = await startTwo();
    const ring = createRing(
      defaultParameters('murmur3', {}),
      ['S1', 'S2'].map((name, at) => ({ name, joined: at + 1, weight: 1 })),
    );
    const key =
      Array.from({ length: 100 }, (_, at) => `key-${at}`).find((each) => ring.owner(each) === 'S2') ?? '';
    const headers = { 'ringpost-key': key };
    expect((await call('GET', `${second.url}/before`, { headers })).headers['ringpost-replica']).toBe('S2');
    second.kill('SIGSTOP');
    const ask = (at: number): ReturnType<typeof call> =>
      call(at % 2 === 0 ? 'GET' : 'POST', `${second.url}/asked-${at}`, { headers });
    const early = Array.from({ length: 20 }, (_, at) => ask(at));
    expect((await remove(first.url, 1, ['S2'])).status).toBe(200);
    await expect.poll(() => redis.hexists(keys.retired, 'S2'), { timeout: 15_000 }).toBe(0);
    second.kill('SIGCONT');
    const late = Array.from({ length: 20 }, (_, at) => ask(20 + at));
    const answers = await Promise.all([...early, ...late]);
    const kinds = answers.map(({ status, headers: got }) => `${status} ${String(got['ringpost-replica'])}`);
    expect([...new Set(kinds)].filter((kind) => kind !== '200 S1' && kind !== '503 undefined')).toEqual([]);
    await expect
      .poll(async () => (await call('GET', `${second.url}/after`, { headers })).status, { timeout: 2000 })
      .toBe(200);
    const lines = (await readFile(ledger, 'utf8')).split('\n');
    expect(lines.filter((line) => line.includes(' S2 '))).toEqual(['GET /before S2 1']);
    expect(await doubledPosts(ledger)).toEqual([]);
    expect(await redis.llen(keys.unfinished('S2').wait)).toBe(0);
  });
});

describe('kill -9 of a gateway', () => {
  it('breaks its own connections only; its inboxes expire; its jobs run or are dropped', async () => {
    const { first, second, ledger, redis, keys } = await startTwo({
      REPLICAS: '1',
      CONCURRENCY: '2',
      REPLY_TIMEOUT_MS: '4000',
    });
    const broken = Array.from({ length: 8 }, (_, at) =>
      fetch(`${second.url}/second-${at}?ms=1000`, { method: 'POST' }).then(
        ({ status }) => status,
        () => 'broken',
      ),
    );
    await expect.poll(() => redis.llen(keys.unfinished('S1').wait)).toBe(6);
    const others = Array.from({ length: 4 }, async (_, at) => {
      const { status } = await fetch(`${first.url}/first-${at}?ms=0`, { method: 'POST' });
      return status;
    });
    second.kill('SIGKILL');
    expect(await Promise.all(broken)).toEqual(broken.map(() => 'broken'));
    // Six jobs that nobody waits for are ahead: two at a time, for a second each, so 3 s.
    expect(await Promise.all(others)).toEqual([200, 200, 200, 200]);
    await expect
      .poll(
        async () =>
          (await redis.llen(keys.unfinished('S1').wait)) + (await redis.llen(keys.unfinished('S1').active)),
        {
          timeout: 10_000,
        },
      )
      .toBe(0);
    const inboxes = await redis.keys(`${keys.prefix}:*:inbox:*`);
    const ttls = await Promise.all(inboxes.map((inbox) => redis.pttl(inbox)));
    expect(inboxes.length).toBeGreaterThan(0);
    for (const ttl of ttls) {
      expect(ttl).toBeGreaterThan(0);
      expect(ttl).toBeLessThanOrEqual(60_000);
    }
    expect(await doubledPosts(ledger)).toEqual([]);
    const load = mixedLoad(first.url);
    await delay(500);
    expect(Object.keys(tally(await load.stop())).toSorted()).toEqual(['GET 200', 'POST 200']);
  });
});
