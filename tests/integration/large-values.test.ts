import { afterEach, expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { LargeValues, ValueTooLongError } from '#shared/store/replies/large-values.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { RequestSettler } from '#shared/store/records/request-settler.ts';
import { retryUntil } from '../../worker/reply/retry-until.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');
const MiB = 1024 * 1024;

/** Bytes each of which differs from the one before. */
const bytes = (length: number, from = 0): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => i + from));

const inUse: LargeValues[] = [];
afterEach(() => inUse.splice(0).forEach((each) => each.close()));

const lease = { replica: 'S1', fence: 1 };
const draftOf = (id: string): string => system().keys.replyDraft('S1', id, 1);

/** Makes large values whose connection opens on first use and closes after the test. */
function useLargeValues(url = system().redisUrl) {
  let opened: Connection | undefined;
  const { namespace } = system();
  const options = { url, namespace, name: 'large-values', use: 'patient' } as const;
  const large = new LargeValues(() => (opened = openConnection(options, log)));
  inUse.push(large);
  return { large, name: `${namespace}:large-values`, opened: () => opened };
}

it('opens its connection for the first value, and closes it', async () => {
  const { redis } = system();
  const { large, name, opened } = useLargeValues();
  const open = async (): Promise<boolean> => String(await redis.client('LIST')).includes(`name=${name} `);
  large.close();
  expect([opened(), await open()]).toEqual([undefined, false]);
  await large.writeDraft(lease, 'r', [bytes(10)]);
  expect(await open()).toBe(true);
  large.close();
  await expect.poll(open).toBe(false);
});

it.each([10, 512 * 1024, 512 * 1024 + 1, 5 * MiB + 7])(
  'writes a value of %d bytes whole, in parts, with a TTL',
  async (length) => {
    const { redis, keys } = system();
    const { large } = useLargeValues();
    const value = bytes(length);
    const draft = draftOf('r');
    const [head, body] = [value.subarray(0, 3), value.subarray(3)];
    await large.writeDraft(lease, 'r', [head, body]);
    expect(value.equals((await redis.getBuffer(draft)) ?? Buffer.alloc(0))).toBe(true);
    expect(await redis.pttl(draft)).toBeGreaterThan(0);
    await redis.del(draft);
    const key = keys.replyBody('S1', 'r');
    await redis.set(key, 'before');
    await large.storeReplyBody(lease, 'r', value);
    expect(value.equals((await redis.getBuffer(key)) ?? Buffer.alloc(0))).toBe(true);
    expect(await redis.pttl(key)).toBeGreaterThan(0);
    expect(await redis.exists(draft)).toBe(0);
  },
);

it('writes many values at once, each whole', async () => {
  const { redis } = system();
  const { large } = useLargeValues();
  const values = Array.from({ length: 20 }, (_, at) => bytes(MiB + at, at));
  await Promise.all(values.map((value, at) => large.writeDraft(lease, `r-${at}`, [value])));
  for (const [at, value] of values.entries()) {
    expect(value.equals((await redis.getBuffer(draftOf(`r-${at}`))) ?? Buffer.alloc(0))).toBe(true);
  }
});

it('writes a value again if parts of it were lost or doubled when the connection broke', async () => {
  const { redis } = system();
  const { large, name } = useLargeValues();
  const key = draftOf('r');
  const value = bytes(24 * MiB);
  const written = retryUntil(() => large.writeDraft(lease, 'r', [value]), performance.now() + 30_000);
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

it('rejects a value that is too long for Redis, keeps its connection, and leaves no key', async () => {
  const own = await ownRedis();
  const { large, name } = useLargeValues(own.url);
  await own.redis.config('SET', 'proto-max-bulk-len', '1mb');
  await large.writeDraft(lease, 'small', [bytes(10)]);
  const id = async (): Promise<string | undefined> => {
    const clients = String(await own.redis.client('LIST'));
    return /id=(\d+)/.exec(clients.split('\n').find((line) => line.includes(`name=${name} `)) ?? '')?.[1];
  };
  const before = await id();
  await expect(large.writeDraft(lease, 'long', [bytes(3 * MiB)])).rejects.toThrow(ValueTooLongError);
  expect([await id(), await own.redis.exists(draftOf('long'))]).toEqual([before, 0]);
});

it('rejects if Redis is full, and leaves no key', async () => {
  const own = await ownRedis();
  const { large } = useLargeValues(own.url);
  const used = Number(/used_memory:(\d+)/.exec(await own.redis.info('memory'))?.[1]);
  await own.redis.config('SET', 'maxmemory', String(used + 2 * MiB));
  const refused = large.writeDraft(lease, 'r', [bytes(16 * MiB)]);
  await expect(refused).rejects.toMatchObject({
    name: 'ReplyError',
    message: expect.stringContaining('OOM'),
  });
  expect(await own.redis.exists(draftOf('r'))).toBe(0);
});

it('a draft becomes the kept answer, unless the lease is lost or the request has ended', async () => {
  const { connection, redis, keys } = system();
  const [record, kept, fence] = [keys.request('S1', 'r'), keys.keptReply('S1', 'r'), keys.leaseFence('S1')];
  const end = {
    state: 'done',
    event: { kind: 'ended' },
    fields: [],
    keepMs: 5000,
    frame: undefined,
  } as const;
  const settle = (own: number): Promise<string> =>
    new RequestSettler(connection, { replica: 'S1', fence: own }, log).settle('r', {}, end);
  const [oldDraft, draft] = [keys.replyDraft('S1', 'r', 3), keys.replyDraft('S1', 'r', 4)];
  await redis.hset(record, 'state', 'running');
  await redis.set(fence, 4);
  await redis.set(oldDraft, 'of a worker that was superseded', 'PX', 60_000);
  expect([await settle(3), await redis.exists(oldDraft, kept)]).toEqual(['superseded', 0]);
  expect([await settle(4), await redis.hget(record, 'state')]).toEqual(['draftLost', 'running']);
  await redis.set(draft, 'the answer', 'PX', 60_000);
  expect([await settle(4), await redis.get(kept), await redis.exists(draft)]).toEqual([
    'settled',
    'the answer',
    0,
  ]);
  expect(await redis.pttl(kept)).toBeLessThanOrEqual(5000);
  await redis.set(draft, 'another answer', 'PX', 60_000);
  const again = [await settle(4), await redis.get(kept), await redis.exists(draft)];
  expect(again).toEqual(['endedBefore', 'the answer', 0]);
});
