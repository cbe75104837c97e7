import { randomUUID } from 'node:crypto';
import { beforeEach, expect, it } from 'vitest';
import { encodeJob } from '#shared/contract/job.ts';
import { requestId } from '#shared/contract/request-id.ts';
import { createLogger } from '#shared/process/logger.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { RequestRecords } from '#shared/store/records/request-records.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');
const newLease = '{"generation":1,"findsRecords":true}';
const oldLease = '{"generation":1}';

let queues: JobQueues;
let id: string;
let due: number;

/** Adds a job to the queue of S1 that is due in a minute. */
beforeEach(async () => {
  const { redis, keys } = system();
  queues = new JobQueues(new Connection(redis, keys.prefix), log);
  id = requestId(randomUUID(), 'S1');
  due = Date.now() + 60_000;
  const request = { method: 'GET', target: '/', headers: [], body: Buffer.alloc(0) };
  const terms = { gateway: 'g', deadline: due + 60_000, notBefore: due, redelivery: 'safe' } as const;
  await queues.add('S1', id, encodeJob(request, terms));
  await redis.set(keys.requestBody('S1', id), 'bytes');
  return () => queues.close();
});

const move = (isRecorded = false, from = 'S1', to = 'S2'): Promise<boolean> =>
  queues.move({ id, from, to, spilledFrom: undefined, isRecorded, ttlMs: 60_000 });

/** @returns the queues that have the job, its hash or its body. */
async function places(): Promise<readonly string[]> {
  const { redis, keys } = system();
  const found = await Promise.all(
    ['S1', 'S2'].map(async (replica) => {
      const { wait, active, prioritized, delayed } = keys.unfinished(replica);
      const lists = [await redis.lpos(wait, id), await redis.lpos(active, id)].filter((at) => at !== null);
      const scores = [await redis.zscore(prioritized, id), await redis.zscore(delayed, id)].filter(Boolean);
      const parts = await redis.exists(keys.job(replica, id), keys.requestBody(replica, id));
      return lists.length + scores.length + parts === 0
        ? []
        : [`${replica}: ${lists.length + scores.length} ${parts}`];
    }),
  );
  return found.flat();
}

it('moves all of a job, which is due when it was; and back', async () => {
  const { redis, keys } = system();
  const before = await redis.hgetall(keys.job('S1', id));
  const { delayed } = keys.unfinished('S1');
  const score = await redis.zscore(delayed, id);
  expect(await move()).toBe(true);
  expect(await places()).toEqual(['S2: 1 2']);
  expect(await redis.hgetall(keys.job('S2', id))).toEqual(before);
  expect(await redis.zscore(keys.unfinished('S2').delayed, id)).toBe(score);
  const [marker, at] = await redis.zrange(keys.marker('S2'), 0, '0', 'WITHSCORES');
  expect([marker, Math.abs(Number(at) - due) < 5]).toEqual(['1', true]);
  expect(await redis.get(keys.movedJob(id))).toBe('S2');
  expect(await redis.pttl(keys.movedJob(id))).toBeGreaterThan(50_000);
  // A call that is repeated since its answer was lost changes nothing.
  expect(await move()).toBe(true);
  expect(await move(false, 'S2', 'S1')).toBe(true);
  expect(await places()).toEqual(['S1: 1 2']);
  expect(await redis.exists(keys.movedJob(id))).toBe(0);
});

it('moves a job that is due, and waits already', async () => {
  const { redis, keys } = system();
  for (const list of ['wait', 'prioritized'] as const) {
    await redis.zrem(keys.unfinished('S1').delayed, id);
    const key = keys.unfinished('S1')[list];
    await (list === 'wait' ? redis.lpush(key, id) : redis.zadd(key, 1, id));
    expect(await move()).toBe(true);
    expect(await places()).toEqual(['S2: 1 2']);
    const score = Number(await redis.zscore(keys.unfinished('S2').delayed, id)) / 4096;
    expect(Math.abs(score - Date.now())).toBeLessThan(5000);
    expect(await move(false, 'S2', 'S1')).toBe(true);
  }
});

it('leaves a job that a worker has, one with a loss, and one that is gone', async () => {
  const { redis, keys } = system();
  const { delayed, active } = keys.unfinished('S1');
  await redis.hset(keys.job('S1', id), 'ringpost:losses', '1');
  expect(await move()).toBe(false);
  await redis.hdel(keys.job('S1', id), 'ringpost:losses');
  await redis.multi().zrem(delayed, id).lpush(active, id).exec();
  expect(await move()).toBe(false);
  expect(await places()).toEqual(['S1: 1 2']);
  await redis.unlink(keys.job('S1', id));
  await redis.multi().lrem(active, 0, id).zadd(delayed, 1, id).exec();
  expect(await move()).toBe(false);
  expect(await redis.exists(keys.movedJob(id))).toBe(0);
});

it('changes nothing if a list of the other queue is garbled', async () => {
  const { redis, keys } = system();
  for (const key of [keys.unfinished('S2').delayed, keys.marker('S2')]) {
    // The call is repeated after the garbled key was moved aside.
    await redis.set(key, 'garbled');
    expect(await move()).toBe(true);
    expect(await places()).toEqual(['S2: 1 2']);
    expect(await move(false, 'S2', 'S1')).toBe(true);
  }
});

it('moves a request with a record only while it is queued, and to a worker that finds the record', async () => {
  const { redis, keys } = system();
  const record = keys.request('S1', id);
  const stays = async (): Promise<void> => {
    expect(await move(true)).toBe(false);
    expect(await places()).toEqual(['S1: 1 2']);
  };
  await redis.set(keys.lease('S2'), newLease);
  await stays();
  for (const state of ['running', 'cancelled', 'done', 'expired']) {
    await redis.hset(record, { state, spilledFrom: 'S9' });
    await stays();
  }
  await redis.hset(record, { state: 'queued', deadline: due + 60_000, stream: 7 });
  await stays();
  await redis.hdel(record, 'stream');
  await redis.set(keys.lease('S2'), oldLease);
  await stays();
  await redis.unlink(keys.lease('S2'));
  await stays();
  // A replica that sleeps gets a new worker.
  await redis.set(keys.consumer('S2'), `asleep 3 ${Date.now()} ${keys.changes}`);
  expect(await move(true)).toBe(true);
  expect(await redis.get(keys.consumer('S2'))).toMatch(/^waking 3 /);
  expect(await redis.hgetall(record)).toMatchObject({ state: 'queued', queue: 'S2', change: '1' });
  expect(await redis.hget(record, 'spilledFrom')).toBeNull();
  const found = await new RequestRecords(new Connection(redis, keys.prefix), log).find(id);
  expect(found).toMatchObject({ id, replica: 'S2', record: { state: 'queued', queue: 'S2' } });
  await redis.set(keys.lease('S1'), newLease);
  const call = { id, from: 'S2', to: 'S1', spilledFrom: 'S2', isRecorded: true, ttlMs: 1 };
  expect(await queues.move(call)).toBe(true);
  expect(await redis.hmget(record, 'queue', 'spilledFrom')).toEqual([null, 'S2']);
});
