import { beforeEach, expect, it } from 'vitest';
import { decodeReply } from '#shared/contract/reply.ts';
import { createLogger } from '#shared/process/logger.ts';
import { CallbackNotes } from '#shared/store/callbacks/callback-notes.ts';
import { readEndedRequest } from '#shared/store/records/ended-requests.ts';
import { KeptReplies } from '#shared/store/records/kept-replies.ts';
import { RequestRecords } from '#shared/store/records/request-records.ts';
import { RequestSettler } from '#shared/store/records/request-settler.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { KeptStreams } from '#shared/store/streams/kept-streams.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');
const id = '01234567-89ab-4cde-8f01-23456789abcd.S1';
const lease = { replica: 'S1', fence: 4 };
const keepMs = 60_000;
const length = 100_000;
const bytes = Buffer.alloc(length, 'x');

/** A request whose answer is a kept stream that has ended. */
beforeEach(async () => {
  const { redis, keys, connection } = system();
  await redis.set(keys.leaseFence('S1'), lease.fence);
  const record = { state: 'running', deadline: Date.now() + keepMs, callback: 'pending' };
  await redis.hset(keys.request('S1', id), record);
  const streams = new KeptStreams(connection, lease, log);
  await streams.open(id, { status: 500, headers: ['a', 'b'] }, keepMs);
  await streams.append([
    { id, bytes: bytes.subarray(0, 60_000), end: 60_000, lastId: '' },
    { id, bytes: bytes.subarray(60_000), end: length, lastId: '' },
  ]);
  const stream = { length, entries: 2, lastId: '' };
  const end = { state: 'failed', event: { kind: 'ended' }, fields: ['status', 500], keepMs } as const;
  const settled = await new RequestSettler(connection, lease, log).settle(
    id,
    {},
    { ...end, frame: undefined, stream },
  );
  expect(settled).toBe('settled');
});

it('a complete stream is read as a whole answer', async () => {
  const { connection } = system();
  const found = await new RequestRecords(connection, log).find(id);
  if (found === undefined) throw new Error('the request is unknown');
  const replies = new KeptReplies(connection, log);
  expect(await replies.sizeOf(found)).toBe(length);
  expect(await replies.readWhole(found)).toEqual({ id, status: 500, headers: ['a', 'b'], body: bytes });
});

it('a dead letter gets it, and is told if it is too long', async () => {
  const { connection } = system();
  const read = async (maxReplyBytes: number): Promise<Buffer> => {
    const limits = { maxReplyBytes, withBody: false };
    return (await readEndedRequest(connection, 'S1', id, clockOf(connection), limits)).frame;
  };
  expect(decodeReply(await read(200_000))).toEqual({ id, status: 500, headers: ['a', 'b'], body: bytes });
  const cut = await read(1000);
  expect(cut.length).toBeGreaterThan(1000);
  expect(cut.length).toBeLessThan(70_000);
  expect(decodeReply(cut)).toMatchObject({ status: 500 });
});

it('is held with its record for a callback that is delayed, and no longer', async () => {
  const { redis, keys, connection } = system();
  const both = [keys.request('S1', id), keys.keptStream('S1', id, lease.fence)];
  for (const key of both) await redis.pexpire(key, 10_000);
  await redis.hdel(keys.request('S1', id), 'expires');
  const notes = new CallbackNotes(connection);
  const left = (): Promise<number[]> => Promise.all(both.map((key) => redis.pttl(key)));
  await notes.hold(id, keepMs);
  for (const ms of await left()) expect(ms).toBeGreaterThan(50_000);
  await notes.note(id, 'delivered', 1, '204');
  for (const ms of await left()) expect(ms).toBeLessThanOrEqual(10_000);
});
