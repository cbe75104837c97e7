import { expect, it } from 'vitest';
import type { JobData } from '#shared/contract/job.ts';
import { createLogger } from '#shared/process/logger.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { QueueDepths } from '#shared/store/queue/queue-depths.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { monitored } from '../fixtures/monitored.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');

function job(more: Partial<JobData> = {}): JobData {
  const deadline = clockOf(system().connection).now() + 60_000;
  return { method: 'GET', target: '/', headers: [], gateway: '', deadline, redelivery: 'safe', ...more };
}

it('reads what the queues hold, since when the oldest waits, and the leases, with a command for each', async () => {
  const { connection, redis, redisUrl, keys } = system();
  await clockOf(connection).measure();
  const now = (): number => clockOf(connection).now();
  const queues = new JobQueues(connection, log);
  const before = now();
  await queues.add('S1', 'first', job());
  const after = now();
  await queues.add('S1', 'second', job());
  await queues.add('S1', 'later', job({ notBefore: before + 50_000 }));
  await queues.add('S2', 'low', job({ priority: 3 }));
  await redis.set(keys.lease('S2'), '{}', 'PX', 30_000);
  await redis.lpush(keys.unfinished('S2').active, 'runs');
  await redis.sadd(keys.streams('S2'), 'one', 'another');
  const depths = new QueueDepths(connection, log);
  await depths.readAll(['S1']);
  const seen: string[] = [];
  await monitored(redisUrl, ([command = '', ...rest]) => {
    if (rest.some((each) => each.startsWith(`${keys.prefix}:`))) seen.push(command.toLowerCase());
  });
  const read = await depths.readAll(['S1', 'S2', 'S3']);
  const none = { waiting: 0, active: 0, streams: 0, prioritized: 0, delayed: 0 };
  const unset = { oldestAt: undefined, leaseMs: undefined };
  expect(read.get('S1')).toEqual({ ...none, ...unset, waiting: 2, delayed: 1, oldestAt: expect.any(Number) });
  expect(read.get('S1')?.oldestAt).toBeGreaterThanOrEqual(Math.floor(before));
  expect(read.get('S1')?.oldestAt).toBeLessThanOrEqual(Math.ceil(after));
  expect(read.get('S2')).toMatchObject({ ...none, prioritized: 1, active: 1, streams: 2 });
  expect(read.get('S2')?.leaseMs).toBeGreaterThan(1000);
  expect(read.get('S3')).toEqual({ ...none, ...unset });
  await expect.poll(() => seen.filter((name) => name === 'evalsha')).toHaveLength(3);
  await queues.close();
});

it('counts a delay before a request was due as no waiting', async () => {
  const { connection, redis, keys } = system();
  const { wait } = keys.unfinished('S1');
  await redis.hset(keys.job('S1', 'due'), { timestamp: 1000, opts: '{"delay":5000,"jobId":"due"}' });
  await redis.lpush(wait, 'due');
  const read = await new QueueDepths(connection, log).readAll(['S1']);
  expect(read.get('S1')?.oldestAt).toBe(6000);
});

it('leaves out a queue that cannot be read', async () => {
  const { connection, redis, keys } = system();
  await redis.set(keys.unfinished('S2').wait, 'garbage');
  const depths = new QueueDepths(connection, log);
  const read = await depths.readAll(['S1', 'S2']);
  expect([...read.keys()]).toEqual(['S1']);
  await expect.poll(async () => (await depths.readAll(['S2'])).size, { timeout: 10_000 }).toBe(1);
});
