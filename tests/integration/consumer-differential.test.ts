import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import type { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { createKeys } from '#shared/store/keys/keys.ts';
import { consumerKinds, useConsumers } from '../fixtures/consumers.ts';
import type { Run, TestConsumer } from '../fixtures/consumers.ts';
import { makeUsers } from '../fixtures/redis-users.ts';
import { needsOneServer } from '../fixtures/several-servers.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const testConsumer = useConsumers();
const replica = 'S1';

const farOff = Date.now() + 3_600_000;

type Step =
  | { readonly do: 'add'; readonly priority?: number; readonly delayed?: boolean }
  | { readonly do: 'answer' | 'finish' | 'fail' | 'putBack' | 'stream' | 'end'; readonly at: number };

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.constant<Step>({ do: 'add' }) },
    {
      weight: 2,
      arbitrary: fc.integer({ min: 1, max: 9 }).map((priority): Step => ({ do: 'add', priority })),
    },
    { weight: 1, arbitrary: fc.constant<Step>({ do: 'add', delayed: true }) },
    {
      weight: 6,
      arbitrary: fc
        .tuple(fc.constantFrom('answer', 'answer', 'finish', 'fail', 'putBack', 'stream', 'end'), fc.nat(5))
        .map(([what, at]): Step => ({ do: what, at })),
    },
  ),
  { minLength: 5, maxLength: 40 },
);

/** Replaces times, which differ between the consumers. */
function clean(text: string): string {
  return text.replaceAll(/\b1[678]\d{11}\b/g, 'time');
}

/** Ringpost's own keys beside those of BullMQ. */
const ours = /:(consumer|event-readers|deliveries:\d+)$/;

/**
 * All keys of a queue with their values, without the ids and times of the stream of events.
 * @param withEvents whether somebody reads the events. If not, only the stock consumer writes them.
 */
async function snapshot(
  redis: Redis,
  namespace: string,
  withEvents: boolean,
): Promise<Record<string, unknown>> {
  const keys = (await redis.keys(`${namespace}:*`)).filter((key) => !ours.test(key)).toSorted();
  const found: Record<string, unknown> = {};
  // The marker of an empty queue does not matter: it would wake a worker once, in vain.
  const waits = keys.some((key) => /:(wait|prioritized)$/.test(key));
  for (const key of keys) {
    const name = key.slice(namespace.length);
    const type = await redis.type(key);
    if (type === 'string')
      found[name] = name.endsWith(':lock') ? 'token' : clean(String(await redis.get(key)));
    if (type === 'list') found[name] = (await redis.lrange(key, 0, -1)).map((each) => clean(each));
    if (type === 'set') found[name] = (await redis.smembers(key)).toSorted();
    if (type === 'zset') {
      // Scores are times, or a priority with a counter.
      const members = await redis.zrangebyscore(key, '-inf', '+inf', 'WITHSCORES');
      const named = members.filter((_, at) => at % 2 === 0);
      if (name.endsWith(':marker')) found[name] = named.filter((mark) => mark !== '0' || waits);
      else found[name] = name.endsWith(':delayed') ? named : members;
    }
    if (type === 'hash') {
      const hash = Object.entries(await redis.hgetall(key)).toSorted(([one], [other]) =>
        one.localeCompare(other),
      );
      found[name] = hash.map(([field, value]) => [
        field,
        field === 'opts' ? options(value) : field === 'delay' ? Number(value) > 0 : clean(value),
      ]);
    }
    if (type === 'stream' && withEvents) {
      const entries = await redis.xrange(key, '-', '+');
      // The batched consumer finishes and takes jobs in one step, so it reports a drained queue at another
      // moment.
      found[name] = entries
        .map(([, fields]) => fields.map((each) => clean(each)).join(' '))
        .filter((entry) => !entry.includes('drained'))
        .toSorted();
    }
  }
  return Object.fromEntries(
    Object.entries(found).filter(([, held]) => !(Array.isArray(held) && held.length === 0)),
  );
}

function options(json: string): unknown {
  const { delay, timestamp: _, ...rest } = JSON.parse(json) as { delay?: number; timestamp?: number };
  return { ...rest, ...(delay === undefined ? {} : { delay: 'ms' }) };
}

/** Drives one consumer step by step. */
function drive(made: TestConsumer) {
  const open: Run[] = [];
  const ends: (() => Promise<void>)[] = [];
  made.onRun = (run) => void open.push(run);
  let jobs = 0;
  let delays = 0;
  /** A time far in the future, each later than the one before. */
  const later = (): number => farOff + (delays += 1) * 1000;
  return async (step: Step): Promise<void> => {
    if (step.do === 'add') {
      const { priority, delayed } = step;
      await made.add(`job-${(jobs += 1)}`, {
        deadline: 0,
        ...(priority === undefined ? {} : { priority }),
        ...(delayed ? { notBefore: later() } : {}),
      });
      return;
    }
    if (step.do === 'end') {
      const [end] = ends.splice(step.at % Math.max(1, ends.length), 1);
      await end?.();
      return;
    }
    const run = open[step.at % Math.max(1, open.length)];
    if (run === undefined) return;
    open.splice(open.indexOf(run), 1);
    if (step.do === 'answer') await run.answer('the answer');
    else if (step.do === 'finish') run.finish();
    else if (step.do === 'stream') ends.push(await run.stream());
    else if (step.do === 'fail') run.fail(new Error('broken'));
    else run.putBack({ notBefore: later() });
  };
}

it(
  'both consumers leave the same keys and values in Redis after each step of any sequence',
  { timeout: 180_000 },
  async () => {
    needsOneServer('it compares two namespaces, which a Cluster has on two nodes');
    const { redis, redisUrl, namespace } = system();
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (sequence, read) => {
        const name = `${namespace}:${randomBytes(4).toString('hex')}`;
        const worlds = await Promise.all(
          consumerKinds.map(async (kind) => {
            const own = `${name}-${kind}`;
            await makeUsers(redisUrl, own);
            if (read) await redis.set(createKeys(own).eventReaders(replica), '1');
            const made = testConsumer(kind, {
              redisUrl,
              namespace: own,
              keys: createKeys(own),
              replica,
              concurrency: 3,
            });
            await made.consumer.start();
            return { own, made, act: drive(made) };
          }),
        );
        try {
          for (const [at, step] of sequence.entries()) {
            await Promise.all(worlds.map(({ act }) => act(step)));
            await expect
              .poll(
                async () => {
                  const [stock, batched] = await Promise.all(
                    worlds.map(({ own }) => snapshot(redis, own, read)),
                  );
                  return JSON.stringify(batched) === JSON.stringify(stock) || { stock, batched };
                },
                { timeout: 5000, interval: 5, message: `after step ${at}: ${JSON.stringify(step)}` },
              )
              .toBe(true);
            const [stock, batched] = worlds.map(({ made }) =>
              made.runs.map(({ id, attempt }) => `${id} ${attempt}`),
            );
            expect(batched).toEqual(stock);
            compared += 1;
          }
        } finally {
          for (const { made } of worlds) made.consumer.abandon();
        }
      }),
      { numRuns: 60, endOnFailure: true },
    );
    console.log(`${compared} steps compared`);
  },
);
