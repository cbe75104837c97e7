import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import type { JobData } from '#shared/contract/job.ts';
import { createLogger } from '#shared/process/logger.ts';
import { LargeValues } from '#shared/store/replies/large-values.ts';
import { openRedis } from '#shared/store/redis/open-redis.ts';
import { LeaseStore } from '#shared/store/lease/lease-store.ts';
import { ActiveJobs } from '#shared/store/queue/active-jobs.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { GarbledJobs } from '../../worker/queue/garbled-jobs.ts';
import { readNotes } from '../../worker/notes/notes-files.ts';
import { Reclaimer } from '../../worker/session/reclaimer.ts';
import { StreamReclaimer } from '../../worker/session/stream-reclaimer.ts';
import { ReplicaLease } from '../../worker/lease/replica-lease.ts';
import { createReplyPushes } from '../../worker/reply/reply-pushes.ts';
import { ReplyOutbox } from '../../worker/reply/reply-outbox.ts';
import { Turns } from '../../worker/run/turns.ts';
import { useConsumers } from '../fixtures/consumers.ts';
import type { TestConsumer, TestConsumerOptions } from '../fixtures/consumers.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const testConsumer = useConsumers();
const replica = 'S1';
const fence = 7;
const settled = { timeout: 20_000, interval: 5 };
const log = createLogger('test', 'silent');

function make(more: Partial<TestConsumerOptions> = {}): TestConsumer {
  const { redisUrl, namespace, keys } = system();
  return testConsumer('batched', { redisUrl, namespace, keys, replica, fence, ...more });
}

/** Cuts the connection on which the consumer reads deliveries, as if its process were frozen. */
async function freeze(redis: Redis): Promise<void> {
  const clients = String(await redis.client('LIST'));
  const own = clients.split('\n').filter((line) => line.includes(` name=${system().namespace}:`));
  const blocked = own.filter((line) => line.includes(' cmd=blmpop '));
  for (const line of blocked) await redis.client('KILL', 'ID', /id=(\d+)/.exec(line)?.[1] ?? '');
}

/** Counts the jobs in each list of the queue. */
async function where(): Promise<Record<string, number>> {
  const { redis, keys } = system();
  const { wait, active } = keys.unfinished(replica);
  return {
    wait: await redis.llen(wait),
    active: await redis.llen(active),
    unread: await redis.llen(keys.deliveries(replica, fence)),
  };
}

/** Leaves the queue as a consumer does that dies before it reads the jobs delivered to it. */
async function dieWith(...jobs: readonly (readonly [string, Partial<JobData>])[]): Promise<void> {
  const { redis, keys } = system();
  const made = make();
  await made.redis.ping();
  await redis.set(keys.consumer(replica), `${fence} 10 30000 its-token`);
  for (const [id, more] of jobs) await made.add(id, more);
}

it('delivers a job directly if the consumer has a free slot', async () => {
  const made = make();
  await made.consumer.start();
  await expect.poll(() => system().redis.exists(system().keys.consumer(replica)), settled).toBe(1);
  const scripts = async (): Promise<number> => {
    const stats = await system().redis.info('commandstats');
    return [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce(
      (sum, [, calls]) => sum + Number(calls),
      0,
    );
  };
  const before = await scripts();
  await made.add('one');
  await expect.poll(() => made.runs.length, settled).toBe(1);
  expect(made.runs[0]).toMatchObject({ id: 'one', attempt: 1 });
  // The one call that added it.
  expect((await scripts()) - before).toBe(1);
});

it.each([
  ['must not run twice', { redelivery: 'never' }],
  ['may run only so many times', { attempts: 3 }],
  ['must not run twice, and has a limit of attempts,', { redelivery: 'never', attempts: 3 }],
] as const)('a job that %s waits until it is taken', async (_, more) => {
  await dieWith(['it', more]);
  expect(await where()).toEqual({ wait: 1, active: 0, unread: 0 });
});

it('a job that must not run twice is delivered directly to a consumer that notes what it begins', async () => {
  const { redis, keys } = system();
  await redis.set(keys.noting(replica), fence, 'PX', 60_000);
  await dieWith(['post', { redelivery: 'never' }], ['get', {}]);
  expect(await where()).toEqual({ wait: 0, active: 2, unread: 2 });
});

it('waits if another worker notes, or if the consumer has not ticked for some time', async () => {
  const { redis, keys } = system();
  await redis.set(keys.noting(replica), fence - 1, 'PX', 60_000);
  await dieWith(['of the worker before', { redelivery: 'never' }]);
  expect(await where()).toEqual({ wait: 1, active: 0, unread: 0 });
});

it('a tick says for a short time that the consumer notes, if it has noted something lately', async () => {
  const { redis, keys } = system();
  const folder = await mkdtemp(join(tmpdir(), 'ringpost-notes-'));
  const noting = { place: { folder, namespace: 'ns' }, running: () => [], leaseMs: 3000 };
  const made = make({ noting });
  await made.consumer.start();
  await made.add('plain');
  await expect.poll(() => made.runs.length, settled).toBe(1);
  made.runs[0]?.finish();
  await expect.poll(() => made.finished, settled).toEqual(['plain']);
  expect(await redis.exists(keys.noting(replica))).toBe(0);
  await made.add('it', { redelivery: 'never' });
  await expect.poll(() => made.runs.length, settled).toBe(2);
  expect(readNotes(noting.place, { replica, fence })).toEqual(new Set(['it']));
  made.runs[1]?.finish();
  await expect.poll(() => made.finished, settled).toEqual(['plain', 'it']);
  expect(await redis.get(keys.noting(replica))).toBe(String(fence));
  expect(await redis.pttl(keys.noting(replica))).toBeLessThanOrEqual(250);
  await expect.poll(() => redis.exists(keys.noting(replica)), settled).toBe(0);
  await made.consumer.stop();
  expect(readNotes(noting.place, { replica, fence })).toBeUndefined();
  await rm(folder, { recursive: true });
});

it('jobs wait if all slots are taken, or if jobs wait already', async () => {
  const made = make({ concurrency: 2 });
  await made.consumer.start();
  await expect.poll(() => system().redis.exists(system().keys.consumer(replica)), settled).toBe(1);
  for (const id of ['one', 'two', 'three']) await made.add(id);
  await expect.poll(() => made.runs.length, settled).toBe(2);
  expect(await where()).toEqual({ wait: 1, active: 2, unread: 0 });
  made.runs[0]?.finish();
  await expect.poll(() => made.runs.map(({ id }) => id), settled).toEqual(['one', 'two', 'three']);
});

it("jobs wait if the lease has expired, or is another worker's", async () => {
  const { redis, keys } = system();
  await dieWith();
  const made = make();
  await made.redis.ping();
  await redis.set(keys.leaseFence(replica), fence + 1);
  await made.add('of another');
  await redis.set(keys.leaseFence(replica), fence);
  await redis.del(keys.lease(replica));
  await made.add('of nobody');
  expect(await where()).toEqual({ wait: 2, active: 0, unread: 0 });
});

it.each([
  ['a dead consumer', false],
  ['a dead consumer, withdrawn since its event loop stalled,', true],
])('a job that %s did not read counts as not started for the next worker', async (_, isWithdrawn) => {
  const { connection, redis, keys } = system();
  await dieWith(['read', {}], ['unread', {}]);
  await redis.lpop(keys.deliveries(replica, fence));
  expect(await where()).toEqual({ wait: 0, active: 2, unread: 1 });
  if (isWithdrawn) expect(await new LeaseStore(connection).withdrawConsumer(replica, fence)).toBe(true);
  await redis.del(keys.lease(replica));
  const lease = new ReplicaLease({ connection, replica, generation: 1, leaseMs: 5000 });
  expect(await lease.take('starting')).toBe('taken');
  const outbox = new ReplyOutbox({
    connection,
    lease,
    pushes: createReplyPushes(connection, lease, () => undefined, log),
    large: new LargeValues(() => connection),
    aftermath: { follow: () => Promise.resolve() } as never,
    onSuperseded: () => undefined,
    log,
  });
  const garbled = new GarbledJobs({ connection, lease, outbox, log });
  const turns = new Turns(connection, log);
  const settling = { connection, replica, lease, outbox, garbled, turns, log };
  const streams = new StreamReclaimer(settling);
  const reclaimer = new Reclaimer({ ...settling, notesPlace: undefined, streams });
  expect(await reclaimer.reclaim(await new ActiveJobs(connection, replica).ids())).toMatchObject({
    again: 2,
    suspects: 0,
    unknown: 0,
  });
  expect(await redis.exists(keys.consumer(replica), keys.deliveries(replica, fence))).toBe(0);
  const times = await Promise.all(['read', 'unread'].map((id) => redis.hget(keys.job(replica, id), 'ats')));
  expect(times).toEqual(['1', '0']);
});

it('a delivered job can be taken back until it is read', async () => {
  const { redis, redisUrl, namespace, keys } = system();
  await dieWith(['one', {}], ['two', {}]);
  const producer = openRedis(
    roleUrl(redisUrl, namespace, 'gateway'),
    `${namespace}:producer`,
    'patient',
    log,
  );
  const queues = new JobQueues(new Connection(producer, keys.prefix), log);
  expect(await queues.takeBack(replica, 'one')).toBe(true);
  expect(await queues.takeBack(replica, 'one')).toBe(false);
  await redis.lpop(keys.deliveries(replica, fence));
  expect(await queues.takeBack(replica, 'two')).toBe(false);
  expect(await where()).toEqual({ wait: 0, active: 1, unread: 0 });
  expect(await redis.exists(keys.job(replica, 'one'), keys.jobLock(replica, 'one'))).toBe(0);
  await queues.close();
  producer.disconnect();
});

it('a consumer whose connection was cut reads what was delivered meanwhile', async () => {
  const { redis } = system();
  const made = make({ concurrency: 100 });
  await made.consumer.start();
  await expect.poll(() => system().redis.exists(system().keys.consumer(replica)), settled).toBe(1);
  for (let at = 0; at < 50; at += 1) {
    if (at % 10 === 0) await freeze(redis);
    await made.add(`job-${at}`);
  }
  await expect.poll(() => made.runs.length, settled).toBe(50);
  for (const run of made.runs) run.finish();
  await expect.poll(() => made.finished.length, settled).toBe(50);
});

it('a consumer that leaves runs what was delivered to it, and gets nothing more', async () => {
  const { redis, keys } = system();
  const made = make();
  made.onRun = (run) => run.finish();
  await made.consumer.start();
  await expect.poll(() => redis.exists(keys.consumer(replica)), settled).toBe(1);
  const adding = Array.from({ length: 300 }, (_, at) => made.add(`job-${at}`));
  await made.consumer.stop();
  await Promise.all(adding);
  const { wait, active } = await where();
  expect(active).toBe(0);
  expect(made.finished.length + (wait ?? 0)).toBe(300);
  expect(new Set(made.runs.map(({ id }) => id)).size).toBe(made.runs.length);
  await made.add('later');
  expect(await where()).toMatchObject({ wait: (wait ?? 0) + 1, active: 0 });
});

it('a consumer that leaves stops as soon as its last job is finished', async () => {
  const made = make();
  await made.consumer.start();
  for (const id of ['one', 'two', 'three']) await made.add(id);
  await expect.poll(() => made.runs.length, settled).toBe(3);
  const stopped = made.consumer.stop();
  for (const run of made.runs) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    run.finish();
  }
  const finished = performance.now();
  await stopped;
  expect(performance.now() - finished).toBeLessThan(1000);
});
