import type { ServerResponse } from 'node:http';
import { Queue } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import { receiverOf } from '../../gateway/callbacks/receiver.ts';
import { callbackReceiver } from '../fixtures/callback-receiver.ts';
import type { CallbackReceiver } from '../fixtures/callback-receiver.ts';
import { serve } from '../fixtures/http-server.ts';
import { openAdmin } from '../fixtures/several-servers.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const settings = { CALLBACK_SECRET: secret, CALLBACK_ALLOW: '127.0.0.0/8' };

/** A receiver that reads messages and answers none until the test calls `answer`. */
async function hangingReceiver(): Promise<{
  url: string;
  ids: () => Set<string>;
  mostAtOnce: () => number;
  /** The number of attempts that the gateway gave up. */
  ended: () => number;
  answer: () => void;
}> {
  const ids = new Set<string>();
  const held = new Set<ServerResponse>();
  let most = 0;
  let ended = 0;
  let answers = false;
  const url = await serve((request, response) => {
    request.resume();
    ids.add(String(request.headers['webhook-id']));
    if (answers) {
      response.end();
      return;
    }
    held.add(response);
    response.on('close', () => {
      held.delete(response);
      ended += 1;
    });
    most = Math.max(most, held.size);
  });
  const answer = (): void => {
    answers = true;
    for (const response of held) response.end();
  };
  return { url, ids: () => ids, mostAtOnce: () => most, ended: () => ended, answer };
}

/** Sends async requests with callbacks, a few at a time. @returns their ids. */
async function acceptAll(url: string, count: number, callback: (at: number) => string): Promise<string[]> {
  const ids: string[] = [];
  let next = 0;
  const some = async (): Promise<void> => {
    while (next < count) {
      const at = next++;
      const headers = { prefer: 'respond-async', 'ringpost-callback': callback(at) };
      const response = await fetch(`${url}/home`, { headers });
      expect(response.status, await response.text()).toBe(202);
      ids.push(response.headers.get('ringpost-request') ?? '');
    }
  };
  await Promise.all(Array.from({ length: 8 }, some));
  return ids;
}

/** @returns the time in ms from a request to its callback, which depends on the load of the machine. */
async function told(url: string, receiver: CallbackReceiver): Promise<number> {
  const before = receiver.received.length;
  const asked = Date.now();
  await acceptAll(url, 1, () => receiver.url);
  await expect.poll(() => receiver.received.length, { timeout: 14_000 }).toBe(before + 1);
  return (receiver.received.at(-1)?.at ?? 0) - asked;
}

/** Opens BullMQ's queue of callbacks as the administrator of Redis. */
function openQueue(): Queue {
  const { redisUrl, namespace, keys } = system();
  const connection = openAdmin(redisUrl, namespace);
  connection.options.maxRetriesPerRequest = null;
  const queue = new Queue(keys.callbacks, { connection, prefix: keys.prefix, skipVersionCheck: true });
  onTestFinished(async () => {
    await queue.close();
    connection.disconnect();
  });
  return queue;
}

describe('a receiver of callbacks that hangs', () => {
  it('has its own slots in each gateway, and delays no other receiver', { timeout: 60_000 }, async () => {
    const { url } = await system().start({ REPLICAS: '2', ...settings });
    const two = await system().start({ ROLE: 'gateway', ...settings });
    await two.gateway.watcher.until(({ ring }) => ring.size === 2, 10_000);
    const hanging = await hangingReceiver();
    const good = await callbackReceiver(secret);
    const undisturbed = await told(url, good);
    await acceptAll(url, 96, () => hanging.url);
    await expect.poll(() => hanging.mostAtOnce()).toBeGreaterThanOrEqual(28);
    expect((await told(url, good)) - undisturbed).toBeLessThan(1000);
    expect(hanging.mostAtOnce()).toBeLessThanOrEqual(56);
    hanging.answer();
  });

  it(
    'delays no other receiver, even if a thousand of its callbacks are due before all others',
    { timeout: 120_000 },
    async () => {
      const { url } = await system().start({ REPLICAS: '2', ...settings });
      const hanging = await hangingReceiver();
      const good = await callbackReceiver(secret);
      const queue = openQueue();
      /** Resumes the queue. @returns when each callback of the good receiver arrived, in ms from then. */
      const resume = async (waiting: number, others: number): Promise<number[]> => {
        await expect.poll(() => queue.getWaitingCount(), { timeout: 30_000 }).toBe(waiting);
        const before = good.received.length;
        const began = Date.now();
        await queue.resume();
        await expect.poll(() => good.received.length, { timeout: 30_000 }).toBe(before + others);
        return good.received.slice(before).map(({ at }) => at - began);
      };
      await queue.pause();
      const first = await acceptAll(url, 20, () => good.url);
      const undisturbed = Math.max(...(await resume(20, 20)));
      await queue.pause();
      const slow = await acceptAll(url, 1000, () => hanging.url);
      const fast = await acceptAll(url, 20, () => good.url);
      const delays = await resume(1020, 20);
      console.log(
        `other callbacks arrived after ${Math.min(...delays)} to ${Math.max(...delays)} ms, ` +
          `undisturbed: ${undisturbed} ms`,
      );
      expect(hanging.ended()).toBe(0);
      expect(Math.max(...delays) - undisturbed).toBeLessThan(1000);
      expect(new Set(good.received.map(({ id }) => id))).toEqual(new Set([...first, ...fast]));
      await expect.poll(() => hanging.mostAtOnce()).toBe(28);
      // Once the receiver answers, all are sent before the time at which parked ones return by themselves.
      const well = Date.now();
      hanging.answer();
      await expect.poll(() => hanging.ids().size, { timeout: 60_000 }).toBe(1000);
      console.log(`the rest arrived within ${Date.now() - well} ms`);
      expect(Date.now() - well).toBeLessThan(29_000);
      expect(hanging.ids()).toEqual(new Set(slow));
    },
  );

  it('does not delay others, even together with many hanging receivers', { timeout: 60_000 }, async () => {
    const { url } = await system().start({ REPLICAS: '2', ...settings });
    const hanging = await Promise.all(Array.from({ length: 60 }, hangingReceiver));
    const good = await callbackReceiver(secret);
    const undisturbed = await told(url, good);
    await acceptAll(url, 600, (at) => hanging[at % hanging.length]?.url ?? '');
    await expect
      .poll(() => hanging.filter((each) => each.mostAtOnce() > 0).length, { timeout: 20_000 })
      .toBe(60);
    expect((await told(url, good)) - undisturbed).toBeLessThan(1000);
    for (const each of hanging) each.answer();
  });

  it('gets its callbacks even if the set of parked ones was overwritten', { timeout: 60_000 }, async () => {
    const { url } = await system().start({ REPLICAS: '1', ...settings });
    const { redis, keys } = system();
    const hanging = await hangingReceiver();
    const parked = keys.parkedCallbacks(receiverOf(hanging.url));
    await redis.set(parked, 'x');
    const ids = await acceptAll(url, 60, () => hanging.url);
    await expect.poll(() => redis.zcard(parked).catch(() => 0)).toBe(60 - 28);
    expect(await redis.pttl(parked)).toBeGreaterThan(60_000);
    const well = Date.now();
    hanging.answer();
    await expect.poll(() => hanging.ids().size, { timeout: 25_000 }).toBe(60);
    // Before the first parked callback returns by itself.
    expect(Date.now() - well).toBeLessThan(25_000);
    expect(hanging.ids()).toEqual(new Set(ids));
    await expect.poll(() => redis.exists(parked)).toBe(0);
  });

  it('keeps records alive until their callbacks are sent, and no longer', { timeout: 60_000 }, async () => {
    const { url } = await system().start({ REPLICAS: '1', RESULT_TTL_S: '2', ...settings });
    const { redis, keys } = system();
    const hanging = await hangingReceiver();
    const ids = await acceptAll(url, 60, () => hanging.url);
    const records = ids.map((id) => keys.request('S1', id));
    const replies = ids.map((id) => keys.keptReply('S1', id));
    const parked = keys.bullMq(keys.callbacks, 'delayed');
    await expect.poll(() => redis.zcount(parked, 0, '+inf')).toBe(60 - 28);
    // Longer than records without a callback. Until a request has ended it has no reply.
    const shortest = async (): Promise<number> =>
      Math.min(...(await Promise.all([...records, ...replies].map((key) => redis.pttl(key)))));
    await expect.poll(shortest).toBeGreaterThan(10_000);
    hanging.answer();
    await expect.poll(() => hanging.ids().size, { timeout: 25_000 }).toBe(60);
    expect(hanging.ids()).toEqual(new Set(ids));
    await expect.poll(() => redis.exists(...records, ...replies)).toBe(0);
  });

  it('leaves its callbacks in Redis, each with a time at which it returns', { timeout: 60_000 }, async () => {
    const { url, stop } = await system().start({ REPLICAS: '1', ...settings });
    const { redis, keys } = system();
    const hanging = await hangingReceiver();
    const began = Date.now();
    const ids = await acceptAll(url, 60, () => hanging.url);
    const delayed = keys.bullMq(keys.callbacks, 'delayed');
    // A callback whose request has not ended is delayed until the deadline of the request.
    const dueSoon = (): Promise<number> => redis.zcount(delayed, 0, (Date.now() + 60_000) * 4096);
    const counts = async (): Promise<number[]> => [await dueSoon(), await redis.zcard(delayed)];
    await expect.poll(counts).toEqual([60 - 28, 60 - 28]);
    const parked = await redis.zrange(delayed, 0, '-1', 'WITHSCORES');
    for (let at = 0; at < parked.length; at += 2) {
      const due = Number(parked[at + 1]) / 4096;
      expect(due).toBeGreaterThanOrEqual(began + 30_000);
      expect(due).toBeLessThanOrEqual(Date.now() + 60_000);
    }
    await stop();
    // The next gateway finds all of them in Redis.
    const jobs = await Promise.all(ids.map((id) => redis.exists(keys.bullMq(keys.callbacks, id))));
    expect(jobs).toEqual(ids.map(() => 1));
    const after = await system().start({ REPLICAS: '1', ...settings });
    hanging.answer();
    expect(after.url).not.toBe(url);
    await expect.poll(() => hanging.ids().size, { timeout: 75_000 }).toBe(60);
    expect(hanging.ids()).toEqual(new Set(ids));
  });
});

describe('Retry-After of a receiver', () => {
  it.each([
    ['9'.repeat(30), 86_400_000],
    ['2147484', 86_400_000],
    ['Fri Dec 31 23:59:59 9999', 86_400_000],
    ['-5', 5000],
    ['1.5', 5000],
  ])('moves a callback by at most a day, and is ignored if it is nonsense: %s', async (value, expectedMs) => {
    const { url } = await system().start({ REPLICAS: '1', ...settings });
    const { redis, keys } = system();
    const receiver = await callbackReceiver(secret);
    receiver.answer = () => ({ status: 503, headers: ['retry-after', value] });
    const [id = ''] = await acceptAll(url, 1, () => receiver.url);
    const due = async (): Promise<number | undefined> => {
      const score = await redis.zscore(keys.bullMq(keys.callbacks, 'delayed'), id);
      return receiver.received.length === 0 || score === null ? undefined : Number(score) / 4096;
    };
    await expect.poll(due).toBeDefined();
    const after = ((await due()) ?? 0) - (receiver.received[0]?.at ?? 0);
    expect(after).toBeGreaterThanOrEqual(expectedMs * 0.8);
    expect(after).toBeLessThan(expectedMs + 5000);
    const data = JSON.parse((await redis.hget(keys.bullMq(keys.callbacks, id), 'data')) ?? '') as object;
    expect(data).toMatchObject({ attempts: 1, firstSent: expect.any(Number) as unknown });
  });
});
