import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { encodeJob } from '#shared/contract/job.ts';
import { createLogger } from '#shared/process/logger.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { useSystem } from '../fixtures/system.ts';
import { eventually, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const count = 2000;

it('a job that was taken back never runs, no matter when a worker takes or finishes it', async () => {
  const { redis, keys } = system();
  await workers.start(system(), 'S1');
  const queues = new JobQueues(new Connection(redis, keys.prefix), createLogger('test', 'silent'));
  const takenBack = new Set<string>();
  for (let at = 0; at < count; at += 1) {
    const request = { method: 'POST', target: `/job-${at}`, headers: [], body: Buffer.alloc(0) };
    // One with a limit of attempts waits in the queue; the others are delivered directly.
    const attempts = at % 2 === 0 ? {} : { attempts: 2 };
    const job = { gateway: 'gone', deadline: Date.now() + 60_000, redelivery: 'never', ...attempts } as const;
    const id = randomUUID();
    await queues.add('S1', id, encodeJob(request, job));
    const until = performance.now() + Math.random() * 3;
    while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
    if (await queues.takeBack('S1', id)) takenBack.add(`/job-${at}`);
  }
  await queues.close();
  const runs = await eventually(async () => {
    const all = await workers.runs();
    return all.length + takenBack.size >= count && all;
  });
  expect(takenBack.size).toBeGreaterThan(0);
  expect(runs.map((line) => line.split(' ')[1] ?? '').filter((path) => takenBack.has(path))).toEqual([]);
}, 60_000);
