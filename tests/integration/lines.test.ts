import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeJob } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { requestId } from '#shared/contract/request-id.ts';
import { createLogger } from '#shared/process/logger.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { Lines } from '#shared/store/queue/line.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { TakeBacks } from '../../gateway/dispatch/take-backs.ts';
import { Cancellations } from '../../gateway/dispatch/cancellations.ts';
import { Turns } from '../../worker/run/turns.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');
const opened: Connection[] = [];
let queues: JobQueues;
let turns: Turns;
let gateway: Connection;

const request = { method: 'GET', target: '/', headers: [], body: Buffer.alloc(0) };
const newId = (replica: string): string => requestId(randomUUID(), replica);
const job = (more: Partial<JobData> = {}): JobData =>
  encodeJob(request, {
    gateway: 'g',
    deadline: Date.now() + 60_000,
    redelivery: 'safe',
    order: 'o',
    ...more,
  });

beforeEach(() => {
  const { redisUrl, namespace } = system();
  const [asGateway, asWorker] = (['gateway', 'worker'] as const).map((role) => {
    const url = roleUrl(redisUrl, namespace, role);
    const connection = openConnection({ url, namespace, name: `${role}-lines`, use: 'patient' }, log);
    opened.push(connection);
    return connection;
  });
  if (asGateway === undefined || asWorker === undefined) throw new Error('no connection');
  gateway = asGateway;
  queues = new JobQueues(asGateway, log);
  turns = new Turns(asWorker, log);
});

afterEach(async () => {
  await Promise.all([queues.close(), turns.close()]);
  for (const connection of opened.splice(0)) connection.close();
});

/** Puts a waiting job into the delayed set, as a worker does whose turn it is not. */
async function putBack(replica: string, id: string): Promise<void> {
  const { redis, keys } = system();
  const { wait, delayed } = keys.unfinished(replica);
  expect(await redis.lrem(wait, 1, id)).toBe(1);
  await redis.zadd(delayed, (Date.now() + 30_000) * 4096, id);
  await redis.hset(keys.job(replica, id), 'delay', '30000');
}

const waiting = (replica: string): Promise<string[]> =>
  system().redis.lrange(system().keys.unfinished(replica).wait, 0, -1);

/** Makes a place in the line of `o` older than the time in which a job may still be on its way. */
async function age(id: string): Promise<void> {
  const { redis, keys } = system();
  const score = Number(await redis.zscore(keys.line('o'), id));
  await redis.zadd(keys.line('o'), 'XX', String(score - 10_000_000), id);
}

describe('a request in line whose job is in the queue of another replica than its id names', () => {
  it('is not passed over while it runs', async () => {
    const [moved, next] = [newId('S1'), newId('S1')];
    await queues.add('S2', moved, job());
    await queues.add('S1', next, job());
    await age(moved);
    expect(await turns.take('S1', next, job())).toMatchObject({ notBefore: expect.any(Number) });
    expect(await turns.take('S2', moved, job())).toEqual({ attempt: 1 });
    await age(moved);
    expect(await turns.take('S1', next, job())).toMatchObject({ notBefore: expect.any(Number) });
  });

  it('is called as soon as the one before it leaves', async () => {
    const [first, moved] = [newId('S1'), newId('S1')];
    await queues.add('S1', first, job());
    await queues.add('S2', moved, job());
    await putBack('S2', moved);
    turns.leave(first, job());
    await expect.poll(() => waiting('S2')).toEqual([moved]);
  });

  it('is found by the worker that took it, also if it joins the line anew', async () => {
    const [moved, next] = [newId('S1'), newId('S1')];
    await queues.add('S2', moved, job());
    await queues.add('S1', next, job());
    const { redis, keys } = system();
    await redis.del(...(await redis.keys(`${keys.line('o')}*`)));
    expect(await turns.take('S2', moved, job())).toEqual({ attempt: 1 });
    await age(moved);
    expect(await turns.take('S1', next, job())).toMatchObject({ notBefore: expect.any(Number) });
  });
});

describe('a request in line that is taken back', () => {
  it('calls the next one at once, if its client has left', async () => {
    const [first, next] = [newId('S1'), newId('S1')];
    await queues.add('S1', first, job());
    await queues.add('S1', next, job());
    await putBack('S1', next);
    const takeBacks = new TakeBacks(queues, new Cancellations(gateway, log), Date.now, log);
    takeBacks.take({ id: first, replica: 'S1', job: job() });
    await expect.poll(() => waiting('S1')).toEqual([next]);
    expect(await new Lines(gateway, log).length('o')).toBe(1);
  });

  it('calls the next one if it has ended between its attempts, also if a worker has just taken its job', async () => {
    const [first, next] = [newId('S1'), newId('S1')];
    await queues.add('S1', first, job());
    await queues.add('S1', next, job());
    expect(await turns.take('S1', first, job())).toEqual({ attempt: 1 });
    await putBack('S1', next);
    const { redis, keys } = system();
    expect(await redis.lrem(keys.unfinished('S1').wait, 1, first)).toBe(1);
    expect(await queues.withdraw('S1', first)).toBe(false);
    expect(await waiting('S1')).toEqual([]);
    expect(await queues.withdraw('S1', first, undefined, true)).toBe(false);
    await expect.poll(() => waiting('S1')).toEqual([next]);
  });
});

describe('a line with a limit of three', () => {
  const limited = job({ keyLine: 'limit-k', keyLimit: 3 });
  const { order: _, ...unordered } = limited;

  it('lets three run, the next one when one leaves, and calls that one', async () => {
    const ids = Array.from({ length: 6 }, () => newId('S1'));
    for (const id of ids) await queues.add('S1', id, unordered);
    const take = (at: number) => turns.take('S1', ids[at] ?? '', unordered);
    for (const at of [0, 1, 2]) expect(await take(at)).toEqual({ attempt: 1 });
    expect(await take(3)).toMatchObject({ running: 3 });
    expect(await take(4)).toMatchObject({ running: 3 });
    // It has told that it waits.
    expect(Object.keys((await take(4)) ?? {})).toEqual(['notBefore']);
    for (const at of [3, 4, 5]) await putBack('S1', ids[at] ?? '');
    turns.leave(ids[1] ?? '', unordered);
    await expect.poll(() => waiting('S1')).toContain(ids[3]);
    turns.leave(ids[2] ?? '', unordered);
    await expect.poll(() => waiting('S1')).toContain(ids[4]);
    expect(await take(3)).toEqual({ attempt: 1 });
    // The place of the other one is free, and it is before those that join now.
    expect(await take(5)).toMatchObject({ running: 2 });
    expect(await take(4)).toEqual({ attempt: 1 });
    expect(await new Lines(gateway, log).counts('limit-k')).toEqual({ running: 3, waiting: 1 });
  });

  it('passes over each of the three whose job is gone, wherever it stands', async () => {
    const ids = Array.from({ length: 4 }, () => newId('S1'));
    for (const id of ids) await queues.add('S1', id, unordered);
    for (const id of ids.slice(0, 3)) await turns.take('S1', id, unordered);
    const { redis, keys } = system();
    const [, gone = '', , last = ''] = ids;
    await redis.del(keys.job('S1', gone));
    expect(await turns.take('S1', last, unordered)).toMatchObject({ running: 3 });
    const line = keys.line('limit-k');
    await redis.zadd(line, 'XX', String(Number(await redis.zscore(line, gone)) - 10_000_000), gone);
    expect(await turns.take('S1', last, unordered)).toEqual({ attempt: 1 });
    expect(await redis.zscore(line, gone)).toBeNull();
  });

  it('lets a request with a lower limit run only if fewer run', async () => {
    const [one, two, low, high] = Array.from({ length: 4 }, () => newId('S1'));
    const lower = { ...unordered, keyLimit: 2, keyMost: 3 };
    for (const id of [one, two, high]) await queues.add('S1', id ?? '', unordered);
    await queues.add('S1', low ?? '', lower);
    for (const id of [one, two]) await turns.take('S1', id ?? '', unordered);
    expect(await turns.take('S1', low ?? '', lower)).toMatchObject({ running: 2 });
    expect(await turns.take('S1', high ?? '', unordered)).toMatchObject({ running: 2 });
    await putBack('S1', high ?? '');
    turns.leave(two ?? '', unordered);
    await expect.poll(() => waiting('S1')).toContain(high);
    expect(await turns.take('S1', low ?? '', lower)).toEqual({ attempt: 1 });
  });

  it('is never passed by more than its limit if Redis lists a running request again', async () => {
    const ids = Array.from({ length: 4 }, () => newId('S1'));
    for (const id of ids) await queues.add('S1', id, unordered);
    for (const id of ids.slice(0, 3)) await turns.take('S1', id, unordered);
    expect(await turns.take('S1', ids[0] ?? '', unordered)).toEqual({ attempt: 2 });
    expect(await turns.take('S1', ids[3] ?? '', unordered)).toMatchObject({ running: 3 });
  });

  it('never moves up a request whose order does not let it run', async () => {
    const [first, second, other] = Array.from({ length: 3 }, () => newId('S1'));
    const ordered = { ...limited, keyLimit: 1 };
    const free = { ...unordered, keyLimit: 1 };
    for (const id of [first, second]) await queues.add('S1', id ?? '', ordered);
    await queues.add('S1', other ?? '', free);
    // The second one asks before the first one does, and takes no place of the key.
    expect(await turns.take('S1', second ?? '', ordered)).toEqual({ notBefore: expect.any(Number) });
    expect(await turns.take('S1', first ?? '', ordered)).toEqual({ attempt: 1 });
    expect(await turns.take('S1', other ?? '', free)).toMatchObject({ running: 1 });
    turns.leave(first ?? '', ordered);
    await expect.poll(() => new Lines(gateway, log).length('o')).toBe(1);
    // It has its turn in order, and waits in the line of the key behind the other one.
    expect(await turns.take('S1', second ?? '', ordered)).toMatchObject({ running: 0 });
    expect(await turns.take('S1', other ?? '', free)).toEqual({ attempt: 1 });
  });
});

describe('the moves of a line', () => {
  it('expire with it, also if the line was there before them and lasts longer', async () => {
    const { redis, keys } = system();
    const [first, moved] = [newId('S1'), newId('S1')];
    await queues.add('S1', first, job());
    await queues.add('S2', moved, job({ deadline: Date.now() + 1000 }));
    const [line, moves] = await Promise.all([redis.pttl(keys.line('o')), redis.pttl(keys.lineMoves('o'))]);
    expect(moves).toBeGreaterThan(line - 1000);
    expect(moves).toBeLessThanOrEqual(line + 1000);
  });
});

describe('a request that waits in line', () => {
  const limited = (keyLimit: number, more: Partial<JobData> = {}): JobData => {
    const { order: _, ...rest } = job({ keyLine: 'limit-k', keyLimit, keyMost: 40, ...more });
    return rest;
  };

  /** Lets so many requests run. */
  async function run(count: number): Promise<void> {
    for (let at = 0; at < count; at += 1) {
      const id = newId('S1');
      await queues.add('S1', id, limited(40));
      await turns.take('S1', id, limited(40));
    }
  }

  it('is taken at its deadline at the latest, so that its end is known then', async () => {
    await run(40);
    for (let at = 0; at < 40; at += 1) await turns.take('S1', newId('S1'), limited(40));
    const late = limited(40, { deadline: Date.now() + 700 });
    const waits = await turns.take('S1', newId('S1'), late);
    expect(waits).toMatchObject({ running: 40, notBefore: expect.any(Number) });
    expect((waits as { notBefore: number }).notBefore).toBeLessThan(late.deadline + 50);
  });

  it('asks often if it is the first that waits, since nobody calls one with a lower limit', async () => {
    await run(39);
    const [first, second] = [newId('S1'), newId('S1')];
    const waits = await turns.take('S1', first, limited(1));
    expect((waits as { notBefore: number }).notBefore).toBeLessThan(Date.now() + 500);
    const behind = await turns.take('S1', second, limited(1));
    expect((behind as { notBefore: number }).notBefore).toBeGreaterThan(Date.now() + 2000);
  });
});
