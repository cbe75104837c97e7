import { describe, expect, it } from 'vitest';
import { consumerKinds, useConsumers } from '../fixtures/consumers.ts';
import type { ConsumerKind, TestConsumer, TestConsumerOptions } from '../fixtures/consumers.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { makeUsers } from '../fixtures/redis-users.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const testConsumer = useConsumers();
const replica = 'S1';

function make(kind: ConsumerKind, more: Partial<TestConsumerOptions> = {}): TestConsumer {
  const { redisUrl, namespace, keys } = system();
  return testConsumer(kind, { redisUrl, namespace, keys, replica, ...more });
}

/** Counts the jobs in each list of the queue. */
async function left(): Promise<Record<string, number>> {
  const { redis, keys } = system();
  const { wait, active, prioritized, delayed } = keys.unfinished(replica);
  return {
    wait: await redis.llen(wait),
    active: await redis.llen(active),
    prioritized: await redis.zcard(prioritized),
    delayed: await redis.zcard(delayed),
  };
}
const none = { wait: 0, active: 0, prioritized: 0, delayed: 0 };
const settled = { timeout: 20_000, interval: 10 };

describe.each(consumerKinds)('the %s consumer', (kind) => {
  it('runs each job once, in the order of adding, and leaves nothing of it', async () => {
    const made = make(kind, { concurrency: 1 });
    made.onRun = (run) => void run.answer('x');
    const ids = Array.from({ length: 200 }, (_, at) => `job-${at}`);
    await Promise.all(ids.map((id) => made.add(id)));
    await made.consumer.start();
    await expect.poll(() => made.finished.length, settled).toBe(ids.length);
    expect(made.runs.map(({ id }) => id)).toEqual(ids);
    expect(made.finished).toEqual(ids);
    expect(await left()).toEqual(none);
    const { redis, keys } = system();
    expect(await redis.llen(keys.inbox(replica, 'g'))).toBe(ids.length);
    expect(await redis.keys(`*${replica}*job-*`)).toEqual([]);
  });

  it('takes no job before it is started, also if it is woken, paused and resumed', async () => {
    const made = make(kind);
    await made.add('job-1');
    made.consumer.wake();
    made.consumer.pause();
    made.consumer.resume();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([made.runs.length, await left()]).toEqual([0, { ...none, wait: 1 }]);
    await made.consumer.start();
    await expect.poll(() => made.runs.length, settled).toBe(1);
  });

  it('starts nothing once it was abandoned', async () => {
    const made = make(kind);
    await made.add('job-1');
    made.consumer.abandon();
    await made.consumer.start();
    made.consumer.wake();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([made.runs.length, await left()]).toEqual([0, { ...none, wait: 1 }]);
  });

  it('leaves nothing of a job that has a BullMQ log, nor of jobs that finish with it', async () => {
    const made = make(kind);
    await made.consumer.start();
    for (const id of ['job-1', 'job-2']) await made.add(id);
    await expect.poll(() => made.runs.length, settled).toBe(2);
    const { redis, keys } = system();
    await redis.rpush(`${keys.replica(replica)}:job-1:logs`, 'a line');
    await Promise.all(made.runs.map((run) => run.answer('x')));
    await expect.poll(() => made.finished.length, settled).toBe(2);
    expect(await left()).toEqual(none);
    expect(await redis.keys(`*${replica}*job-*`)).toEqual([]);
  });

  it('runs up to CONCURRENCY jobs at once, and the next one when one is finished', async () => {
    const made = make(kind, { concurrency: 3 });
    await made.consumer.start();
    for (let at = 0; at < 5; at += 1) await made.add(`job-${at}`);
    await expect.poll(() => made.runs.length, settled).toBe(3);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(made.runs).toHaveLength(3);
    expect(await left()).toEqual({ ...none, wait: 2, active: 3 });
    await made.runs[1]?.answer('x');
    await expect.poll(() => made.runs.length, settled).toBe(4);
    made.runs[0]?.finish();
    await expect.poll(() => made.runs.length, settled).toBe(5);
  });

  it('runs the next job once the answer of another is a stream, whose end leaves nothing of it', async () => {
    const made = make(kind, { concurrency: 2 });
    await made.consumer.start();
    for (let at = 0; at < 4; at += 1) await made.add(`job-${at}`);
    await expect.poll(() => made.runs.length, settled).toBe(2);
    const { redis, keys } = system();
    const ends = await Promise.all(made.runs.slice(0, 2).map((run) => run.stream()));
    await expect.poll(() => made.runs.length, settled).toBe(4);
    expect(await left()).toEqual({ ...none, active: 2 });
    expect((await redis.smembers(keys.streams(replica))).toSorted()).toEqual(['job-0', 'job-1']);
    for (const end of ends) await end();
    for (const run of made.runs.slice(2)) await run.answer('x');
    await expect.poll(() => made.finished.toSorted(), settled).toEqual(['job-2', 'job-3']);
    expect(await left()).toEqual(none);
    expect(await redis.keys(`*${replica}*job-*`)).toEqual([]);
    expect(await redis.exists(keys.streams(replica))).toBe(0);
  });

  it('takes nothing while it is paused, and all waiting jobs when it is resumed', async () => {
    const made = make(kind);
    await made.consumer.start();
    await made.add('before');
    await expect.poll(() => made.runs.length, settled).toBe(1);
    made.consumer.pause();
    const { redis, keys } = system();
    await expect.poll(() => redis.exists(keys.consumer(replica)), settled).toBe(0);
    // The stock consumer may take one more job that it was about to take.
    const running = kind === 'stock' ? 2 : 1;
    for (let at = 0; at < 5; at += 1) await made.add(`job-${at}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(made.runs.length).toBeLessThanOrEqual(running);
    await made.runs[0]?.answer('x');
    await expect.poll(() => made.finished, settled).toEqual(['before']);
    made.consumer.resume();
    await expect.poll(() => made.runs.length, settled).toBe(6);
    await made.add('after');
    await expect.poll(() => made.runs.length, settled).toBe(7);
  });

  it('takes nothing if it is paused before it starts', async () => {
    const made = make(kind);
    made.consumer.pause();
    await made.consumer.start();
    await made.add('job');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(made.runs).toEqual([]);
    made.consumer.resume();
    await expect.poll(() => made.runs.length, settled).toBe(1);
  });

  it('stops while it is paused', async () => {
    const made = make(kind);
    await made.consumer.start();
    made.consumer.pause();
    await made.consumer.stop();
    await made.add('job');
    expect(made.runs).toEqual([]);
  });

  it('takes jobs without a priority first, then those with the lower number', async () => {
    const made = make(kind, { concurrency: 1 });
    made.onRun = (run) => run.finish();
    await made.add('nine', { priority: 9 });
    await made.add('one', { priority: 1 });
    await made.add('five', { priority: 5 });
    await made.add('none');
    await made.consumer.start();
    await expect.poll(() => made.finished.length, settled).toBe(4);
    expect(made.finished).toEqual(['none', 'one', 'five', 'nine']);
  });

  it('runs a delayed job when it is due, and others before it', async () => {
    const made = make(kind);
    const began = Date.now();
    const at: Record<string, number> = {};
    made.onRun = (run) => {
      at[run.id] = Date.now() - began;
      run.finish();
    };
    await made.consumer.start();
    await made.add('late', { notBefore: began + 600 });
    await made.add('later', { notBefore: began + 900 });
    await made.add('soon', { notBefore: began + 300 });
    await made.add('now');
    await expect.poll(() => made.finished.length, settled).toBe(4);
    expect(made.finished).toEqual(['now', 'soon', 'late', 'later']);
    for (const [id, due] of [
      ['soon', 300],
      ['late', 600],
      ['later', 900],
    ] as const) {
      expect(at[id]).toBeGreaterThanOrEqual(due - 2);
      expect(at[id]).toBeLessThan(due + 2000);
    }
  });

  it('puts a job back and takes it again when it is due, as the next attempt', async () => {
    const made = make(kind);
    const began = Date.now();
    made.onRun = (run) => {
      if (run.attempt === 1) run.putBack({ notBefore: began + 400 });
      else void run.answer('x');
    };
    await made.consumer.start();
    await made.add('again');
    await expect.poll(() => made.finished, settled).toEqual(['again']);
    expect(made.runs.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(Date.now() - began).toBeGreaterThanOrEqual(398);
    expect(await left()).toEqual(none);
  });

  it('takes jobs again that were put back without a delay, and leaves none of their locks', async () => {
    const made = make(kind);
    made.onRun = (run) => (run.attempt <= 5 ? run.putBack({ notBefore: Date.now() }) : run.finish());
    await made.consumer.start();
    const ids = Array.from({ length: 100 }, (_, at) => `job-${at}`);
    await Promise.all(ids.map((id) => made.add(id)));
    await expect.poll(() => made.finished.length, settled).toBe(ids.length);
    for (const id of ids) {
      const attempts = made.runs.filter((run) => run.id === id).map(({ attempt }) => attempt);
      expect(attempts, id).toEqual([1, 2, 3, 4, 5, 6]);
    }
    expect(await left()).toEqual(none);
    expect(await system().redis.keys(`*${replica}*:lock`)).toEqual([]);
    // Taking a job again adds no listeners.
    expect(made.redis.listenerCount('error') + made.redis.listenerCount('close')).toBeLessThan(20);
  });

  it('gives up a job whose run throws, and continues', async () => {
    const made = make(kind, { concurrency: 1 });
    made.onRun = (run) => (run.id === 'bad' ? run.fail(new Error('broken')) : run.finish());
    await made.consumer.start();
    await made.add('bad');
    await made.add('good');
    await expect.poll(() => made.finished, settled).toEqual(['good']);
    await expect.poll(left, settled).toEqual(none);
    expect(await system().redis.exists(system().keys.job(replica, 'bad'))).toBe(0);
  });

  it('counts how often a job was taken, across consumers', async () => {
    const first = make(kind);
    await first.consumer.start();
    await first.add('held');
    await expect.poll(() => first.runs.length, settled).toBe(1);
    first.consumer.abandon();
    const { redis, keys } = system();
    // As a worker that reclaims the job does.
    await redis.lrem(keys.unfinished(replica).active, 0, 'held');
    await redis.rpush(keys.unfinished(replica).wait, 'held');
    const second = make(kind);
    await second.consumer.start();
    await expect.poll(() => second.runs.map(({ attempt }) => attempt), settled).toEqual([2]);
  });

  it('keeps the lock of a job that it runs', async () => {
    const made = make(kind);
    await made.consumer.start();
    await made.add('held');
    await expect.poll(() => made.runs.length, settled).toBe(1);
    const { redis, keys } = system();
    expect(await redis.pttl(keys.jobLock(replica, 'held'))).toBeGreaterThan(20_000);
    made.runs[0]?.finish();
    await expect.poll(() => redis.exists(keys.jobLock(replica, 'held')), settled).toBe(0);
  });

  it('takes nothing new when stopped, and resolves when its held jobs are finished', async () => {
    const made = make(kind, { concurrency: 2 });
    await made.consumer.start();
    for (let at = 0; at < 4; at += 1) await made.add(`job-${at}`);
    await expect.poll(() => made.runs.length, settled).toBe(2);
    let stopped = false;
    const stopping = made.consumer.stop().then(() => (stopped = true));
    await made.runs[0]?.answer('x');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(stopped).toBe(false);
    expect(made.runs).toHaveLength(2);
    await made.runs[1]?.answer('x');
    await stopping;
    expect(await left()).toEqual({ ...none, wait: 2 });
    await made.consumer.stop();
  });

  it('stops at once if it holds nothing, and takes no later jobs', async () => {
    const made = make(kind);
    await made.consumer.start();
    await made.add('before');
    await expect.poll(() => made.runs.length, settled).toBe(1);
    made.runs[0]?.finish();
    await expect.poll(() => made.finished.length, settled).toBe(1);
    const began = performance.now();
    await made.consumer.stop();
    expect(performance.now() - began).toBeLessThan(2000);
    await made.add('after');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(made.runs).toHaveLength(1);
  });

  it('finishes nothing and takes nothing after it was abandoned', async () => {
    const made = make(kind);
    await made.consumer.start();
    await made.add('held');
    await expect.poll(() => made.runs.length, settled).toBe(1);
    made.consumer.abandon();
    const { redis, keys } = system();
    await redis.del(keys.lease(replica));
    await made.add('next');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(made.runs).toHaveLength(1);
    expect(await left()).toEqual({ ...none, wait: 1, active: 1 });
  });

  it('takes no job whose marker arrives as it is abandoned', async () => {
    const made = make(kind);
    await made.consumer.start();
    await made.add('held');
    await expect.poll(() => made.runs.length, settled).toBe(1);
    const { redis, keys, namespace } = system();
    // BullMQ names its connection after the prefix of its keys.
    const named = new RegExp(` name=(${namespace}|\\{${namespace}\\}):`);
    const waitsForMarker = async (): Promise<boolean> =>
      String(await redis.client('LIST'))
        .split('\n')
        .some((line) => named.test(line) && / flags=b .* cmd=bzpopmin /.test(line));
    await expect.poll(waitsForMarker, settled).toBe(true);
    await expect.poll(() => redis.zcard(keys.marker(replica)), settled).toBe(0);
    // As a worker that reclaims the job does, but without waking the consumer.
    await redis.lrem(keys.unfinished(replica).active, 0, 'held');
    await redis.rpush(keys.unfinished(replica).wait, 'held');
    const marked = redis.zadd(keys.marker(replica), 0, '0');
    // Redis has sent the marker to the consumer, which has not read it when it is abandoned.
    const until = performance.now() + 100;
    while (performance.now() < until);
    made.consumer.abandon();
    await marked;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(made.runs).toHaveLength(1);
    expect(await left()).toEqual({ ...none, wait: 1 });
  });

  it('sends no answer once another worker has taken the lease', async () => {
    const made = make(kind, { fence: 4 });
    await made.consumer.start();
    await made.add('held');
    await expect.poll(() => made.runs.length, settled).toBe(1);
    const { redis, keys } = system();
    await redis.set(keys.leaseFence(replica), 5);
    await expect(made.runs[0]?.answer('late')).rejects.toThrow('another worker');
    expect(made.superseded).toBeGreaterThanOrEqual(1);
    expect(await redis.exists(keys.inbox(replica, 'g'))).toBe(0);
  });

  it('recovers by itself after its connections were cut, and loses no job', async () => {
    const concurrency = 4;
    const made = make(kind, { concurrency });
    made.onRun = (run) => void setTimeout(() => run.finish(), 1);
    await made.consumer.start();
    const { redis, keys, namespace } = system();
    const count = 300;
    for (let at = 0; at < count; at += 1) {
      await made.add(`job-${at}`);
      if (at % 60 !== 30) continue;
      const list = String(await redis.client('LIST'));
      for (const line of list.split('\n').filter((each) => each.includes(`name=${namespace}:consumer`))) {
        const id = /^id=(\d+)/.exec(line)?.[1];
        if (id !== undefined) await redis.client('KILL', 'ID', id);
      }
    }
    // An orphan was given out on a broken connection: it is active but not being run. It takes a slot until
    // the worker's sweep has seen it twice. With a free slot, the consumer goes on without the sweep.
    const { wait, active } = keys.unfinished(replica);
    const ran = (): Set<string> => new Set(made.runs.map(({ id }) => id));
    let seen: readonly string[] = [];
    const orphans = async (): Promise<readonly string[]> => {
      const before = seen;
      const ids = await redis.lrange(active, 0, -1);
      seen = ids.filter((id) => !ran().has(id));
      return seen.filter((id) => before.includes(id));
    };
    const often = { ...settled, interval: 100 };
    await expect
      .poll(async () => (await orphans()).length >= concurrency || (await redis.llen(wait)) === 0, often)
      .toBe(true);
    await expect
      .poll(async () => {
        // As the sweep does.
        for (const id of await orphans())
          await redis.multi().lrem(active, 0, id).rpush(wait, id).zadd(keys.marker(replica), 0, '0').exec();
        return ran().size;
      }, often)
      .toBe(count);
    await expect.poll(left, settled).toEqual(none);
  });

  it(
    'sends answers that Redis refused for a while, and finishes their jobs',
    { timeout: 60_000 },
    async () => {
      const own = await ownRedis();
      const { namespace, keys } = system();
      await makeUsers(own.url, namespace);
      const made = testConsumer(kind, { redisUrl: own.url, namespace, keys, replica, concurrency: 4 });
      await made.consumer.start();
      await made.add('held');
      await made.add('plain');
      await expect.poll(() => made.runs.length, settled).toBe(2);
      await own.redis.config('SET', 'maxmemory', '1');
      const refused = made.runs[0]?.answer('x');
      await expect(refused).rejects.toThrow('OOM');
      await own.redis.config('SET', 'maxmemory', '0');
      await made.runs[0]?.answer('x');
      made.runs[1]?.finish();
      await expect.poll(() => made.finished.toSorted(), settled).toEqual(['held', 'plain']);
      expect(await own.redis.llen(keys.inbox(replica, 'g'))).toBe(1);
    },
  );
});
