import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { marker, markedLoad } from '../fixtures/marked-load.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();
const callbackSecret = `whsec_${Buffer.from('topsecret-of-the-callbacks').toString('base64')}`;

/** Faults of Redis: the name, its trace in the log, how it begins and how it ends. */
const faults: readonly [
  string,
  RegExp | undefined,
  (redis: Redis) => Promise<unknown>,
  (redis: Redis) => Promise<unknown>,
][] = [
  [
    'full',
    /OOM/,
    (redis) => redis.config('SET', 'maxmemory', '1mb'),
    (redis) => redis.config('SET', 'maxmemory', '0'),
  ],
  [
    'read-only',
    /READONLY/,
    (redis) => redis.replicaof('127.0.0.1', 1),
    (redis) => redis.replicaof('NO', 'ONE'),
  ],
  [
    'without the replicas that it needs',
    /NOREPLICAS/,
    (redis) => redis.config('SET', 'min-replicas-to-write', '1'),
    (redis) => redis.config('SET', 'min-replicas-to-write', '0'),
  ],
  ['with another password', undefined, changePassword, changePasswordBack],
  ['cutting connections in the middle of batches', undefined, cutOften, cut],
];

let password = '';
async function changePassword(redis: Redis): Promise<void> {
  const [, current = ''] = await redis.config('GET', 'requirepass');
  password = current;
  await redis.config('SET', 'requirepass', `${marker}-other`);
  await cut(redis);
}

async function changePasswordBack(redis: Redis): Promise<void> {
  await redis.config('SET', 'requirepass', password);
}

async function cut(redis: Redis): Promise<void> {
  for (const type of ['normal', 'pubsub']) await redis.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
}

async function cutOften(redis: Redis): Promise<void> {
  for (let times = 0; times < 10; times += 1) {
    await cut(redis);
    await delay(50);
  }
}

it.for(['info', 'debug'])(
  'no log line at %s shows a part of a request, an answer or a secret, whatever Redis does',
  { timeout: 120_000 },
  async (level) => {
    const own = await ownRedis();
    await own.redis.call('ACL', 'SETUSER', 'tester', 'on', '>tester', '~*', '&*', '+@all');
    const redis = new Redis(Number(new URL(own.url).port), { username: 'tester', password: 'tester' });
    onTestFinished(() => redis.disconnect());
    const { startReady } = await scratch();
    const command = await startReady({
      REDIS_URL: own.url,
      REPLICAS: '2',
      HANDLER: handlerFile('echo'),
      LOG_LEVEL: level,
      ADMIN_TOKEN: `${marker}-admin-token`,
      CALLBACK_SECRET: callbackSecret,
      CALLBACK_ALLOW: '127.0.0.1',
      REPLY_TIMEOUT_MS: '3000',
    });
    const load = markedLoad(command.url, `http://127.0.0.1:9/hook?token=${marker}-callback`);
    for (const [what, sign, begin, end] of faults) {
      const from = command.stderr().length;
      await begin(redis);
      const until = load.sent() + 200;
      await expect.poll(load.sent, { timeout: 20_000, message: what }).toBeGreaterThan(until);
      await end(redis);
      await expect
        .poll(async () => (await fetch(`${command.url}/-/ready`)).status, { timeout: 20_000, message: what })
        .toBe(200);
      if (sign !== undefined) expect(command.stderr().slice(from), what).toMatch(sign);
    }
    await load.stop();
    command.kill('SIGTERM');
    await command.exited;
    const lines = `${command.stdout()}\n${command.stderr()}`.split('\n');
    const secrets = [marker, callbackSecret, new URL(own.url).password, '"command"', '"args"', '"Buffer"'];
    const shown = lines.filter((line) => secrets.some((each) => line.includes(each)));
    expect(shown.map((line) => line.slice(0, 600)).slice(0, 5)).toEqual([]);
    expect(lines.filter((line) => line.includes('"err":{"type":')).length).toBeGreaterThan(0);
  },
);
