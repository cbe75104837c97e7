import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { callbackReceiver } from '../fixtures/callback-receiver.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { openAdmin } from '../fixtures/several-servers.ts';

const scratch = useScratch();
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const count = 2000;

/** The commands that carry a request. Those that poll for the next one depend on the load of the machine. */
const carrying = ['incrby', 'hset', 'lpush', 'set', 'rpush', 'lrem', 'del', 'hmget', 'pexpire'] as const;

/**
 * What one plain request costs on an idle system. Nobody reads the events of its queue, so none are written,
 * and their stream is not trimmed.
 */
const expected = {
  evalsha: 2,
  blmpop: 2,
  mget: 3,
  exists: 3,
  llen: 2,
  hmget: 1,
  incrby: 1,
  hset: 1,
  set: 1,
  lpush: 1,
  rpush: 2,
  pexpire: 1,
  lpop: 1,
  lrem: 1,
  del: 1,
};

/** How often each command ran, also inside scripts. */
async function commands(redis: Redis, during: () => Promise<void>): Promise<Map<string, number>> {
  await redis.config('RESETSTAT');
  await during();
  const stats = await redis.info('commandstats');
  const found = stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
  return new Map(Array.from(found, ([, name = '', calls]) => [name, Number(calls)]));
}

it('a plain request costs Redis the same after other kinds of requests as before them', async () => {
  const receiver = await callbackReceiver(secret);
  const { startReady } = await scratch();
  const { url, redisUrl } = await startReady({
    REPLICAS: '1',
    CALLBACK_SECRET: secret,
    CALLBACK_ALLOW: '127.0.0.1',
  });
  const redis = openAdmin(redisUrl);
  const plain = async (): Promise<void> => {
    for (let at = 0; at < count; at += 1) await (await fetch(`${url}/home`)).arrayBuffer();
  };
  /** Commands for each plain request, without the background commands of an equally long idle time. */
  const cost = async (): Promise<Record<string, number>> => {
    const idleMs = 3000;
    const idle = await commands(redis, () => delay(idleMs));
    const began = performance.now();
    const busy = await commands(redis, plain);
    const share = (performance.now() - began) / idleMs;
    const each = Array.from(busy, ([name, calls]) => {
      return [name, Number(((calls - (idle.get(name) ?? 0) * share) / count).toFixed(1))] as const;
    });
    // A plain request has at least one of each of its commands. Less than a half is of the background.
    return Object.fromEntries(each.filter(([, calls]) => Math.abs(calls) >= 0.5));
  };
  try {
    const before = await cost();
    expect(Object.keys(before).toSorted()).toEqual(Object.keys(expected).toSorted());
    for (const name of carrying) expect(before[name], name).toBeCloseTo(expected[name], 0);
    for (let at = 0; at < 100; at += 1) {
      const headers = {
        prefer: 'respond-async',
        'ringpost-callback': receiver.url,
        'ringpost-order': 'key',
        'ringpost-key': String(at % 10),
        'idempotency-key': String(at),
      };
      const response = await fetch(`${url}/${at % 2 === 0 ? 'home' : 'bad'}`, { method: 'POST', headers });
      expect(response.status).toBe(202);
      await response.arrayBuffer();
    }
    await expect.poll(() => receiver.received.length, { timeout: 20_000 }).toBe(100);
    const after = await cost();
    console.log(
      `commands for a plain request: ${JSON.stringify(before)}; after the others: ${JSON.stringify(after)}`,
    );
    expect(Object.keys(after).toSorted()).toEqual(Object.keys(before).toSorted());
    for (const name of carrying) expect(after[name], name).toBeCloseTo(before[name] ?? 0, 0);
  } finally {
    redis.disconnect();
  }
});
