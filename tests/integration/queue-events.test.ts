import { Queue, QueueEvents } from 'bullmq';
import { afterEach, describe, expect, it } from 'vitest';
import { EventReaders } from '#shared/store/queue/event-readers.ts';
import { redisOptions } from '#shared/store/target/redis-options.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

/** What a program that uses BullMQ knows of the queue of S1. */
function ofQueue() {
  const { redisUrl, namespace, keys } = system();
  const connection = { ...redisOptions(redisUrl, namespace), maxRetriesPerRequest: null };
  return { name: keys.queue('S1'), options: { connection, prefix: keys.prefix } };
}

/** Reads the events of S1's queue as any program does. @returns the events so far, by name. */
async function readEvents(): Promise<{ readonly seen: string[]; readonly events: QueueEvents }> {
  const { name, options } = ofQueue();
  const events = new QueueEvents(name, options);
  events.on('error', () => undefined);
  open.push(events);
  const seen: string[] = [];
  events.on('added', () => void seen.push('added'));
  events.on('active', () => void seen.push('active'));
  events.on('completed', () => void seen.push('completed'));
  await events.waitUntilReady();
  return { seen, events };
}

async function get(url: string): Promise<void> {
  const response = await fetch(`${url}/home`);
  await response.arrayBuffer();
  expect(response.status).toBe(200);
}

const written = (): Promise<number> => system().redis.xlen(system().keys.bullMq('{S1}', 'events'));

/** Sends requests until an event of one of them arrives. */
async function untilSeen(url: string, seen: readonly string[]): Promise<void> {
  await expect
    .poll(
      async () => {
        await get(url);
        return seen.includes('completed');
      },
      { timeout: 10_000, interval: 100 },
    )
    .toBe(true);
}

describe('with QUEUE_EVENTS=auto', () => {
  it('no event is written while nobody reads them, and a reader gets them within a few seconds', async () => {
    const { url } = await system().start({ REPLICAS: '1' });
    for (let at = 0; at < 20; at += 1) await get(url);
    expect(await written()).toBe(0);
    const { seen } = await readEvents();
    const began = performance.now();
    await untilSeen(url, seen);
    expect(performance.now() - began).toBeLessThan(6000);
    await expect.poll(() => new Set(seen)).toEqual(new Set(['added', 'active', 'completed']));
  });

  it(
    'they are no longer written some seconds after the last reader has left',
    { timeout: 30_000 },
    async () => {
      const { url } = await system().start({ REPLICAS: '1' });
      const { seen, events } = await readEvents();
      await untilSeen(url, seen);
      await events.close();
      const { redis, keys } = system();
      await expect.poll(() => redis.exists(keys.eventReaders('S1')), { timeout: 15_000 }).toBe(0);
      const before = await written();
      for (let at = 0; at < 20; at += 1) await get(url);
      expect(await written()).toBe(before);
    },
  );

  it('a reader whose connection broke still gets them: BullMQ has not named the new one', async () => {
    const { url } = await system().start({ REPLICAS: '1' });
    const { seen } = await readEvents();
    await untilSeen(url, seen);
    const { redis, keys } = system();
    const [, id = ''] = /^id=(\d+) .*:qe /m.exec(String(await redis.client('LIST'))) ?? [];
    await redis.client('KILL', 'ID', id);
    await expect.poll(async () => String(await redis.client('LIST'))).toMatch(/cmd=xread/);
    await redis.del(keys.eventReaders('S1'));
    seen.splice(0);
    await untilSeen(url, seen);
  });

  it('a pause that was measured, and is no whole number of ms, is a TTL too', async () => {
    const { connection, redis, keys } = system();
    const readers = new EventReaders(connection);
    expect(await readers.claimLook(2366.83)).toBe(true);
    expect(await readers.claimLook(2366.83)).toBe(false);
    await readers.mark(['S1'], 8933.66);
    expect(await redis.pttl(keys.eventReaders('S1'))).toBeGreaterThan(8000);
  });

  it('they are written if Redis refuses to list its clients', async () => {
    system().expectRefusals();
    const { redis, namespace, keys, start } = system();
    await redis.acl('SETUSER', `${namespace}-gateway`, '-client|list');
    const { url } = await start({ REPLICAS: '1' });
    await get(url);
    expect(await written()).toBeGreaterThanOrEqual(4);
    expect(await redis.pttl(keys.eventReaders('S1'))).toBeGreaterThan(30_000);
  });
});

it('QUEUE_EVENTS=on writes events from the first request on, without a reader', async () => {
  const { url } = await system().start({ REPLICAS: '1', QUEUE_EVENTS: 'on' });
  await get(url);
  expect(await written()).toBeGreaterThanOrEqual(4);
});

it('QUEUE_EVENTS=off writes none, and the other calls of BullMQ work', async () => {
  const { url } = await system().start({ REPLICAS: '1', QUEUE_EVENTS: 'off' });
  const { seen } = await readEvents();
  for (let at = 0; at < 20; at += 1) await get(url);
  expect([await written(), seen]).toEqual([0, []]);
  const { name, options } = ofQueue();
  const queue = new Queue(name, options);
  open.push(queue);
  await queue.pause();
  const answer = await fetch(`${url}/later`, { method: 'POST', headers: { prefer: 'respond-async' } });
  expect(answer.status).toBe(202);
  const { id = '' } = (await answer.json()) as { id?: string };
  expect(await queue.getJobCounts('waiting', 'active', 'completed')).toMatchObject({
    active: 0,
    completed: 0,
  });
  const jobs = await queue.getJobs();
  expect(jobs.map((job) => job.id)).toEqual([id]);
  expect(await (await queue.getJob(id))?.getState()).toMatch(/waiting|paused/);
  expect(await queue.getMetrics('completed')).toMatchObject({ count: 0 });
  await queue.resume();
  await expect.poll(() => queue.getJobCountByTypes('waiting', 'active')).toBe(0);
});
