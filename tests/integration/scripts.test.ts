import type { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { inOneWrite, openRedis, whenReady } from '#shared/store/redis/open-redis.ts';
import { defineScript } from '#shared/store/scripts/load.ts';
import { monitored } from '../fixtures/monitored.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const opened: Redis[] = [];

afterEach(() => {
  for (const redis of opened.splice(0)) redis.disconnect();
});

async function open(url = system().redisUrl): Promise<Redis> {
  const redis = openRedis(url, `${system().namespace}:scripts`, 'patient', createLogger('test', 'silent'));
  opened.push(redis);
  await whenReady(redis);
  return redis;
}

/** A script that no other test uses. */
const text = (name: string): string => `return {'${name}', KEYS[1], ARGV[1]}`;

it('a script is sent once for each connection, and then called by its SHA', async () => {
  const { redisUrl, namespace: key } = system();
  const redis = await open();
  const seen: string[] = [];
  await monitored(redisUrl, ([command = '', ...rest]) => {
    if (rest.includes(key)) seen.push(command.toLowerCase());
  });
  const run = defineScript(redis, 1, text('once'));
  for (const at of ['1', '2', '3']) expect(await run(key, at)).toEqual(['once', key, at]);
  await expect
    .poll(() => seen.filter((name) => name.startsWith('eval')))
    .toEqual(['eval', 'evalsha', 'evalsha']);
});

it('a script that Redis has forgotten is sent again', async () => {
  const server = await ownRedis();
  const redis = await open(server.url);
  const run = defineScript(redis, 1, text('forgotten'));
  await run('key', '1');
  await server.redis.script('FLUSH');
  expect(await Promise.all([run('key', '2'), run('key', '3')])).toEqual([
    ['forgotten', 'key', '2'],
    ['forgotten', 'key', '3'],
  ]);
});

it('an error of a script reaches the caller unchanged', async () => {
  const redis = await open();
  const run = defineScript(redis, 0, `return redis.error_reply('ERR no such thing')`);
  await run().catch(() => undefined);
  await expect(run()).rejects.toThrow('ERR no such thing');
});

it('calls in one write are each answered, with texts and bytes, in order', async () => {
  const redis = await open();
  const answers: Promise<unknown>[] = [];
  inOneWrite(redis, () => {
    answers.push(redis.echo('ü'), redis.echoBuffer(Buffer.from([0xff, 0x0a])));
    inOneWrite(redis, () => answers.push(redis.echo('within')));
    answers.push(redis.echo('last'));
  });
  expect(await Promise.all(answers)).toEqual(['ü', Buffer.from([0xff, 0x0a]), 'within', 'last']);
  expect(await redis.echo('after')).toBe('after');
});

it('one write ends if its callback throws', async () => {
  const redis = await open();
  const answers: Promise<unknown>[] = [];
  expect(() =>
    inOneWrite(redis, () => {
      answers.push(redis.echo('before'));
      throw new Error('no');
    }),
  ).toThrow('no');
  answers.push(redis.echo('after'));
  expect(await Promise.all(answers)).toEqual(['before', 'after']);
});
