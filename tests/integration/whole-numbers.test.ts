import { expect, it } from 'vitest';
import type { Redis } from 'ioredis';
import { handlerFile } from '../fixtures/scratch.ts';
import { rawScripts } from '../fixtures/raw-scripts.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
/** As large as a time in µs, and with trailing zeros: by default Lua writes it as 1.79e+15. */
const large = '1790000000000000';
const inExponents = /\d(?:\.\d+)?e\+\d+/;

/** @returns the whole value of a key, as text. */
async function contentOf(redis: Redis, key: string): Promise<string> {
  switch (await redis.type(key)) {
    case 'string':
      return (await redis.getBuffer(key))?.toString('latin1') ?? '';
    case 'list':
      return (await redis.lrange(key, 0, -1)).join(' ');
    case 'set':
      return (await redis.smembers(key)).join(' ');
    case 'zset':
      return (await redis.zrange(key, '0', '-1', 'WITHSCORES')).join(' ');
    case 'hash':
      return JSON.stringify(await redis.hgetall(key));
    case 'stream':
      return JSON.stringify(await redis.xrange(key, '-', '+'));
    default:
      return '';
  }
}

/** @returns the keys of this test with an exponent in their value, and those values. */
async function keysWithExponents(): Promise<string[]> {
  const { redis, keys: made } = system();
  const keys = await redis.keys(`${made.prefix}:*`);
  expect(keys.length).toBeGreaterThan(10);
  const texts = await Promise.all(keys.map(async (key) => `${key}: ${await contentOf(redis, key)}`));
  return texts.filter((text) => inExponents.test(text));
}

it('no number in Redis has an exponent, however large counters and fences are', async () => {
  const { redis, keys } = system();
  await redis.mset(
    ...[keys.fence, keys.leaseFence('S1'), keys.generation('S1'), keys.currentGeneration('S1')].flatMap(
      (key) => [key, large],
    ),
  );
  const settings = { REPLICAS: '1', LEASE_MS: '900', HANDLER: handlerFile('ledger') };
  const first = await system().start(settings);
  // The next start has a controller that follows another one.
  await first.stop();
  const { url } = await system().start(settings);
  expect(await redis.get(keys.leader)).toMatch(/#179000000000000\d$/);
  expect(await redis.get(keys.currentGeneration('S1'))).toMatch(/^179000000000000\d$/);
  const kinds: Record<string, string>[] = [
    {},
    { prefer: 'respond-async' },
    { 'idempotency-key': 'k1' },
    { prefer: 'respond-async', 'ringpost-order': 'key', 'ringpost-key': 'a' },
    { prefer: 'respond-async', 'ringpost-delay': '1' },
    { prefer: 'respond-async', 'ringpost-priority': '3' },
  ];
  const answers = await Promise.all(kinds.map((headers) => fetch(`${url}/x`, { method: 'POST', headers })));
  expect(answers.map(({ status }) => status)).toEqual([200, 202, 200, 202, 202, 202]);
  expect(await keysWithExponents()).toEqual([]);
  const queued = Object.values(keys.unfinished('S1'));
  await expect.poll(() => redis.exists(...queued)).toBe(0);
  expect(await keysWithExponents()).toEqual([]);
});

it('a script that raises a number writes it without an exponent', async () => {
  const { redis, keys } = system();
  const run = rawScripts(redis);
  const numbers = [keys.fence, keys.leaseFence('S1'), keys.generation('S1'), keys.currentGeneration('S1')];
  for (const before of [large, '100000000', '9000000000000000']) {
    await redis.mset(...numbers.flatMap((key) => [key, before]));
    await redis.unlink(keys.leader, keys.lease('S1'), keys.line('o'));
    const next = String(Number(before) + 1);
    expect(await run('lead', keys.leader, keys.fence, 'c', 60_000)).toBe(`c#${next}`);
    expect(await run('next-generation', keys.generation('S1'), keys.currentGeneration('S1'))).toBe(
      Number(next),
    );
    const lease = [keys.lease('S1'), keys.leaseFence('S1'), keys.currentGeneration('S1')] as const;
    const fences = [
      keys.standby('S1'),
      keys.consumer('S1'),
      keys.pardoned('S1'),
      next,
      '',
      60_000,
      '{}',
      'p:',
    ];
    const taken = (await run('take-lease', ...lease, ...fences)) as [string, number, number];
    expect(taken).toEqual([expect.stringMatching(/^\d{16}$/), Number(before), 0]);
    await run('renew-lease', ...lease, keys.generation('S1'), taken[0], next, 60_000, '{}');
    await redis.zadd(keys.line('o'), large, 'before');
    const line = [keys.line('o'), keys.lineMoves('o'), 'request', 60_000, ''] as const;
    await run('join-line', ...line);
    const joined = (await redis.zscore(keys.line('o'), 'request')) ?? '';
    await run('take-turn', ...line, 2, 0);
    const held = await Promise.all([...numbers, keys.leader].map((key) => redis.get(key)));
    expect(held).toEqual([next, taken[0], next, next, `c#${next}`]);
    expect(joined).toMatch(/^\d{16}$/);
    expect((await redis.zscore(keys.line('o'), 'request')) ?? '').toMatch(/^-\d{16}$/);
  }
});
