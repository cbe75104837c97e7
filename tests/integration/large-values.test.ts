import type { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { openRedis } from '#shared/store/redis/open-redis.ts';
import { scriptsOn } from '#shared/store/scripts/load.ts';
import { insist } from '../../worker/reply/insist.ts';
import { LargeValues, ValueTooLongError } from '../../worker/reply/large-values.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');
const MiB = 1024 * 1024;

/** Bytes that are each another than the one before. */
const bytes = (length: number, from = 0): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => i + from));

const inUse: LargeValues[] = [];
afterEach(() => inUse.splice(0).forEach((each) => each.close()));

/** On a connection that ends with the test, and that is opened when it is asked for. */
function useLargeValues(url = system().redisUrl) {
  let opened: Redis | undefined;
  const name = `${system().namespace}:large-values`;
  const large = new LargeValues(() => (opened = openRedis(url, name, 'patient', log)));
  inUse.push(large);
  return { large, name, opened: () => opened };
}

it('opens its connection for the first value, and closes what it has opened', async () => {
  const { redis, namespace } = system();
  const { large, name, opened } = useLargeValues();
  const open = async (): Promise<boolean> => String(await redis.client('LIST')).includes(`name=${name} `);
  large.close();
  expect([opened(), await open()]).toEqual([undefined, false]);
  await large.writeDraft(`${namespace}:value`, [bytes(10)]);
  expect(await open()).toBe(true);
  large.close();
  await expect.poll(open).toBe(false);
});

it.each([10, 512 * 1024, 512 * 1024 + 1, 5 * MiB + 7])(
  'writes all of %d bytes, in parts, with a TTL',
  async (length) => {
    const { redis, namespace, keys } = system();
    const { large } = useLargeValues();
    const value = bytes(length);
    const [head, body] = [value.subarray(0, 3), value.subarray(3)];
    await large.writeDraft(`${namespace}:value`, [head, body]);
    expect(value.equals((await redis.getBuffer(`${namespace}:value`)) ?? Buffer.alloc(0))).toBe(true);
    expect(await redis.pttl(`${namespace}:value`)).toBeGreaterThan(0);
    const [key, draft] = [keys.replyBody('S1', 'r'), keys.replyDraft('S1', 'r', 1)];
    await redis.set(key, 'before');
    await large.replace(key, draft, value, 10_000);
    expect(value.equals((await redis.getBuffer(key)) ?? Buffer.alloc(0))).toBe(true);
    expect(await redis.pttl(key)).toBeGreaterThan(0);
    expect(await redis.exists(draft)).toBe(0);
  },
);

it('writes many at once, each whole', async () => {
  const { redis, namespace } = system();
  const { large } = useLargeValues();
  const values = Array.from({ length: 20 }, (_, at) => bytes(MiB + at, at));
  await Promise.all(values.map((value, at) => large.writeDraft(`${namespace}:value-${at}`, [value])));
  for (const [at, value] of values.entries()) {
    expect(value.equals((await redis.getBuffer(`${namespace}:value-${at}`)) ?? Buffer.alloc(0))).toBe(true);
  }
});

it('writes a value anew whose pieces were lost or doubled while its connection broke', async () => {
  const { redis, namespace } = system();
  const { large, name } = useLargeValues();
  const key = `${namespace}:value`;
  const value = bytes(24 * MiB);
  const written = insist(() => large.writeDraft(key, [value]), performance.now() + 30_000);
  const spoil = [
    () => redis.del(key),
    () => redis.append(key, 'doubled'),
    async () => {
      const clients = String(await redis.client('LIST'));
      const own = clients.split('\n').find((line) => line.includes(`name=${name} `));
      await redis.client('KILL', 'ID', /id=(\d+)/.exec(own ?? '')?.[1] ?? '');
    },
  ];
  for (const each of spoil) {
    await expect.poll(() => redis.strlen(key), { interval: 1 }).toBeGreaterThan(MiB);
    await each();
  }
  await written;
  expect(value.equals((await redis.getBuffer(key)) ?? Buffer.alloc(0))).toBe(true);
});

it('is told of a value that is too long for Redis, whose connection stays, and leaves no key', async () => {
  const own = await ownRedis();
  const { large, name } = useLargeValues(own.url);
  await own.redis.config('SET', 'proto-max-bulk-len', '1mb');
  await large.writeDraft('small', [bytes(10)]);
  const id = async (): Promise<string | undefined> => {
    const clients = String(await own.redis.client('LIST'));
    return /id=(\d+)/.exec(clients.split('\n').find((line) => line.includes(`name=${name} `)) ?? '')?.[1];
  };
  const before = await id();
  await expect(large.writeDraft('long', [bytes(3 * MiB)])).rejects.toThrow(ValueTooLongError);
  expect([await id(), await own.redis.exists('long')]).toEqual([before, 0]);
});

it('is refused by a full Redis, and leaves no key', async () => {
  const own = await ownRedis();
  const { large } = useLargeValues(own.url);
  const used = Number(/used_memory:(\d+)/.exec(await own.redis.info('memory'))?.[1]);
  await own.redis.config('SET', 'maxmemory', String(used + 2 * MiB));
  const refused = large.writeDraft('value', [bytes(16 * MiB)]);
  await expect(refused).rejects.toMatchObject({
    name: 'ReplyError',
    message: expect.stringContaining('OOM'),
  });
  expect(await own.redis.exists('value')).toBe(0);
});

it('a draft becomes the kept answer, unless another worker has the lease or the request has ended', async () => {
  const { redis, keys } = system();
  const [record, kept, fence, draft] = [
    keys.request('S1', 'r'),
    keys.keptReply('S1', 'r'),
    keys.leaseFence('S1'),
    keys.replyDraft('S1', 'r', 3),
  ];
  const settle = (own: number): Promise<unknown> =>
    scriptsOn(redis)('settle-request', record, kept, fence, draft, own, 5000, 9000, 'channel', '', 'done');
  await redis.hset(record, 'state', 'running');
  await redis.set(fence, 4);
  await redis.set(draft, 'of a worker that was superseded', 'PX', 60_000);
  expect([await settle(3), await redis.exists(draft, kept)]).toEqual([-1, 0]);
  expect([await settle(4), await redis.hget(record, 'state')]).toEqual([-2, 'running']);
  await redis.set(draft, 'the answer', 'PX', 60_000);
  expect([await settle(4), await redis.get(kept), await redis.exists(draft)]).toEqual([1, 'the answer', 0]);
  expect(await redis.pttl(kept)).toBeLessThanOrEqual(5000);
  await redis.set(draft, 'another answer', 'PX', 60_000);
  expect([await settle(4), await redis.get(kept), await redis.exists(draft)]).toEqual([0, 'the answer', 0]);
});
