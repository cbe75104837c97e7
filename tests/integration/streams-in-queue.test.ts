import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeEnd } from '#shared/contract/frame.ts';
import { requestId } from '#shared/contract/request-id.ts';
import { createLogger } from '#shared/process/logger.ts';
import { HalfAdded } from '#shared/store/queue/half-added.ts';
import { QueueDepths } from '#shared/store/queue/queue-depths.ts';
import { countLines } from '#shared/store/queue/queue-lines.ts';
import { countUnfinished } from '#shared/store/queue/replica-queue.ts';
import { StockWorker } from '#shared/store/queue/stock-worker.ts';
import { Aside } from '#shared/store/repair/aside.ts';
import { expectedOfJobs } from '#shared/store/repair/expected-keys.ts';
import { GarbledError, KeyRepair } from '#shared/store/repair/key-repair.ts';
import { HeirStore } from '#shared/store/ring/heir-store.ts';
import { ReplicaObserver } from '#shared/store/ring/replica-observer.ts';
import { RingStore } from '#shared/store/ring/ring-store.ts';
import { keysAtRest } from '../fixtures/keys-at-rest.ts';
import { gateway, headOf, replica, useStreamedJobs } from '../fixtures/streamed-jobs.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const streamedJobs = useStreamedJobs(system);
const log = createLogger('test', 'silent');

const stockWorkers: StockWorker[] = [];
afterEach(() => stockWorkers.splice(0).forEach((each) => each.abandon()));

const newId = (): string => requestId(randomUUID(), replica);
const [one, another, third] = [newId(), newId(), newId()];

it('a stream is a request of its queue, but not an active one', async () => {
  const { connection } = system();
  const { open, take } = await streamedJobs();
  await open(one, another);
  await take(third);
  const depths = await new QueueDepths(connection, log).readAll([replica]);
  expect(depths.get(replica)).toMatchObject({ waiting: 0, active: 1, streams: 2, oldestAt: undefined });
  expect(await countUnfinished(connection, replica)).toBe(3);
});

it('a controller sees the streams of a retired replica, and keeps what is left of it', async () => {
  const { connection, redis, keys } = system();
  const store = new RingStore(connection, log);
  const observer = new ReplicaObserver(connection, new HeirStore(connection, store, log));
  await store.changeDesired(() => ({ add: [{ name: replica, joined: 1, weight: 1 }], remove: [] }), 1000);
  const state = await store.changeDesired(() => ({ add: [], remove: [replica] }), 2000);
  const { live, open, take } = await streamedJobs();
  await open(one);
  expect((await observer.observe(state)).backlog).toEqual(new Map([[replica, 1]]));
  expect(await store.forget(replica)).toBe(false);
  expect(await redis.exists(keys.streams(replica))).toBe(1);
  await take(another);
  expect((await observer.running([replica])).toSorted()).toEqual([one, another].toSorted());
  for (const id of [one, another]) await live.end(gateway, [{ id, frame: encodeEnd(id, 1, 5) }]);
  expect((await observer.observe(state)).backlog).toEqual(new Map([[replica, 0]]));
  expect(await store.forget(replica)).toBe(true);
});

it('the line of an ordered request counts while its answer is a stream', async () => {
  const { connection } = system();
  const { live, queues, tick } = await streamedJobs();
  const common = { method: 'GET', target: '/', headers: [], gateway, redelivery: 'safe' } as const;
  for (const id of [one, another])
    await queues.add(replica, id, { ...common, deadline: Date.now() + 60_000, order: `key of ${id}` });
  await tick.run([], 10);
  await live.open(gateway, [headOf(one)]);
  expect(await countLines(connection, replica)).toEqual({ lines: 2, isLowerBound: false });
});

it('a stream is not taken back', async () => {
  const { redis, keys } = system();
  const { queues, open, running } = await streamedJobs();
  await redis.set(keys.lease(replica), '{}');
  await open(one);
  expect(await queues.takeBack(replica, one)).toBe(false);
  expect([await running.count(), await redis.exists(keys.job(replica, one))]).toEqual([1, 1]);
});

describe('garbled data', () => {
  it('a garbled job is moved aside, and is no stream any more', async () => {
    const { redis, keys } = system();
    const { connection, open, running } = await streamedJobs();
    await open(one, another);
    await redis.hset(keys.job(replica, one), 'data', 'garbled');
    expect(await new Aside(connection, log).job(replica, one, 1)).toBe(true);
    expect([await running.ids(), await redis.exists(keys.job(replica, one))]).toEqual([
      new Set([another]),
      0,
    ]);
  });

  it('a stream stays one if the list of active jobs is moved aside', async () => {
    const { connection, redis, keys } = system();
    const { open, take, places } = await streamedJobs();
    await open(one);
    await take(another);
    const { active } = keys.unfinished(replica);
    await redis.multi().del(active).set(active, 'garbled').exec();
    const repair = new KeyRepair(connection, log);
    expect(await repair.after(new GarbledError('x'), () => expectedOfJobs(keys, replica))).toBe(true);
    expect(await places()).toEqual({ active: [another], streams: [one] });
  });

  it('a job that was added, and is a stream, is not added again', async () => {
    const { connection, redis, keys } = system();
    const { open, places } = await streamedJobs();
    await open(one);
    const added: string[][] = [];
    const jobs = [one, another].map((id) => ({ id, repeatable: true }));
    const { prioritized } = keys.unfinished(replica);
    await redis.set(prioritized, 'garbled');
    await new HalfAdded(connection, log).adding(replica, jobs, async (some) => {
      added.push(some.map(({ id }) => id));
      await redis.zadd(prioritized, ...some.flatMap(({ id }) => [0, id]));
    });
    expect(added).toEqual([[one, another], [another]]);
    expect(await places()).toEqual({ active: [], streams: [one] });
  });
});

it("BullMQ's own worker leaves a stream alone, and takes no more jobs than it has slots", async () => {
  const { redis, keys } = system();
  const { connection, live, queues, places } = await streamedJobs();
  const ids = Array.from({ length: 8 }, newId);
  const finished: string[] = [];
  const heads = new Map<string, () => void>();
  let [running, most] = [0, 0];
  const worker = new StockWorker({
    connection,
    replica,
    concurrency: 2,
    process: async (id) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => heads.set(id, resolve));
      await live.open(gateway, [headOf(id)]);
      running -= 1;
      return 'left';
    },
    onFinished: (id) => finished.push(id),
    log,
  });
  stockWorkers.push(worker);
  await worker.start();
  const common = { method: 'GET', target: '/', headers: [], gateway, redelivery: 'safe' } as const;
  for (const id of ids) await queues.add(replica, id, { ...common, deadline: Date.now() + 60_000 });
  for (const [at, id] of ids.entries()) {
    await expect.poll(() => heads.has(id)).toBe(true);
    heads.get(id)?.();
    await expect.poll(async () => (await places()).streams.length).toBe(at + 1);
  }
  await expect.poll(places).toEqual({ active: [], streams: ids.toSorted() });
  // All jobs are still there, and none waits.
  expect(await redis.exists(...ids.map((id) => keys.job(replica, id)))).toBe(ids.length);
  expect([most, finished]).toEqual([2, []]);
  await live.end(
    gateway,
    ids.map((id) => ({ id, frame: encodeEnd(id, 1, 5) })),
  );
  expect(await places()).toEqual({ active: [], streams: [] });
  await keysAtRest(system());
  await worker.stop();
});
