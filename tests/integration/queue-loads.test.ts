import { expect, it } from 'vitest';
import type { JobData } from '#shared/contract/job.ts';
import { createLogger } from '#shared/process/logger.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { QueueLoads } from '#shared/store/queue/queue-loads.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { monitored } from '../fixtures/monitored.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');

function job(more: Partial<JobData> = {}): JobData {
  const deadline = clockOf(system().connection).now() + 60_000;
  return { method: 'GET', target: '/', headers: [], gateway: '', deadline, redelivery: 'safe', ...more };
}

it('each call that adds jobs tells the load and the concurrency of its replica; so does a read', async () => {
  const { connection, redis, redisUrl, keys } = system();
  await clockOf(connection).measure();
  const told: unknown[] = [];
  const queues = new JobQueues(connection, log, (...word) => told.push(word));
  await Promise.all([queues.add('S1', 'one', job()), queues.add('S1', 'two', job())]);
  expect(told.splice(0)).toEqual([
    ['S1', { delivered: 0, load: 2, prioritized: undefined, concurrency: undefined }, 2],
  ]);

  // A worker that holds two jobs, of four that it may hold. Delayed jobs and streams are no load.
  await redis.set(keys.lease('S2'), '{}', 'PX', 30_000);
  await redis.set(keys.leaseFence('S2'), '7');
  await redis.set(keys.consumer('S2'), '7 4 30000 token');
  await redis.lpush(keys.unfinished('S2').active, 'runs', 'runs-too');
  await redis.sadd(keys.streams('S2'), 'stream');
  await queues.add('S2', 'low', job({ priority: 3 }));
  await queues.add('S2', 'later', job({ notBefore: clockOf(connection).now() + 50_000 }));
  expect(told).toEqual([]);
  for (const id of ['a', 'b', 'c']) await queues.add('S2', id, job());
  const word = { prioritized: undefined, concurrency: 4 };
  expect(told.splice(0)).toEqual([
    ['S2', { ...word, delivered: 1, load: 3 }, 1],
    ['S2', { ...word, delivered: 1, load: 4 }, 1],
    ['S2', { ...word, delivered: 0, load: 5 }, 1],
  ]);

  const loads = new QueueLoads(connection, log);
  await loads.read(['S1']);
  const seen: string[] = [];
  await monitored(redisUrl, ([command = '', ...rest]) => {
    if (rest.some((each) => each.startsWith(`${keys.prefix}:`))) seen.push(command.toLowerCase());
  });
  expect(Object.fromEntries(await loads.read(['S1', 'S2', 'S3']))).toEqual({
    S1: { load: 2, prioritized: 0, concurrency: undefined },
    S2: { load: 5, prioritized: 1, concurrency: 4 },
    S3: { load: 0, prioritized: 0, concurrency: undefined },
  });
  await expect.poll(() => seen.filter((name) => name === 'evalsha')).toHaveLength(3);
  await queues.close();
});

it('a job that is taken back says whether a worker has died while it ran it', async () => {
  const { connection, redis, keys } = system();
  await clockOf(connection).measure();
  const queues = new JobQueues(connection, log);
  await queues.add('S1', 'fresh', job());
  await queues.add('S1', 'suspect', job());
  await redis.hset(keys.job('S1', 'suspect'), 'ringpost:losses', '[]');
  const taken = ['fresh', 'suspect', 'suspect'].map((id) => queues.takeBackToMove('S1', id));
  expect(await Promise.all(taken)).toEqual(['taken', 'lost', 'no']);
  await queues.close();
});
