import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Lease } from '#shared/contract/lease.ts';
import { doubledPosts, mixedLoad, runThoughRefused, tally } from '../fixtures/mixed-load.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
/** How long Redis is frozen: longer than a lease, and longer than a gateway uses an unconfirmed ring. */
const frozenMs = 5000;

async function pids(redis: { get(key: string): Promise<string | null> }): Promise<number[]> {
  const { keys } = system();
  const leases = await Promise.all(['S1', 'S2'].map((name) => redis.get(keys.lease(name))));
  return leases.map((json) => (JSON.parse(json ?? '{}') as Lease).pid); // only workers write it
}

describe('a Redis that is frozen for 5 s under load', () => {
  it('loses no accepted request and no worker; requests during the freeze get 503 at once', async () => {
    const own = await ownRedis();
    const ledger = `${own.directory}/ledger`;
    const { url, gateway } = await system().start({
      REDIS_URL: own.url,
      REPLICAS: '2',
      HANDLER: handlerFile('ledger'),
      LEDGER: ledger,
    });
    const before = await pids(own.redis);
    const load = mixedLoad(url);
    await delay(1000);
    own.freeze();
    const frozen = performance.now();
    await delay(2300);
    // The ring is out of date now. Each client of the load whose request was accepted waits.
    const waiting = gateway.dispatcher.waitingCount;
    expect(waiting).toBeLessThanOrEqual(10);
    const late = mixedLoad(url);
    await delay(500);
    const readiness: [number, number][] = [];
    for (let at = 0; at < 3; at += 1) {
      const asked = performance.now();
      const { status } = await fetch(`${url}/-/ready`);
      readiness.push([status, performance.now() - asked]);
    }
    await delay(frozen + frozenMs - performance.now());
    const refused = await late.stop();
    expect(gateway.dispatcher.waitingCount).toBe(waiting);
    own.thaw();
    const thawed = performance.now();
    await expect
      .poll(async () => (await fetch(`${url}/probe`)).status, { timeout: 2000, interval: 20 })
      .toBe(200);
    await delay(thawed + 2000 - performance.now());
    const usual = load.answers.length;
    await delay(500);
    const answers = await load.stop();
    console.log(
      `frozen for 5 s: ${JSON.stringify(tally(answers))}, meanwhile ${JSON.stringify(tally(refused))}`,
    );
    expect(Object.keys(tally(refused)).toSorted()).toEqual(['GET 503 redis_away', 'POST 503 redis_away']);
    expect(Math.max(...refused.map(({ took }) => took))).toBeLessThan(1000);
    for (const [status, took] of readiness) {
      expect(status).toBe(503);
      expect(took).toBeLessThan(1000);
    }
    // Accepted requests are answered; the others were refused.
    const allowed = ['GET 200', 'POST 200', 'GET 503 redis_away', 'POST 503 redis_away'];
    expect(Object.keys(tally(answers)).filter((kind) => !allowed.includes(kind))).toEqual([]);
    const accepted = answers.filter(({ asked, took }) => asked < frozen && asked + took > frozen);
    expect(accepted.map(({ status }) => status)).toEqual(accepted.map(() => 200));
    expect(answers.slice(usual).every(({ status }) => status === 200)).toBe(true);
    expect(await pids(own.redis)).toEqual(before);
    expect(await doubledPosts(ledger)).toEqual([]);
    expect(await runThoughRefused(ledger, [...answers, ...refused])).toEqual([]);
  });
});

describe('/-/ready', () => {
  it('answers 503 within 1 s from the moment Redis freezes, and 200 after it', async () => {
    const own = await ownRedis();
    const { url } = await system().start({ REDIS_URL: own.url, REPLICAS: '1' });
    expect((await fetch(`${url}/-/ready`)).status).toBe(200);
    own.freeze();
    const frozen = performance.now();
    while (performance.now() < frozen + 3000) {
      const asked = performance.now();
      const answers = await Promise.all(
        [1, 2, 3].map(() => fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(5000) })),
      );
      expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
      expect(performance.now() - asked).toBeLessThan(1000);
    }
    own.thaw();
    await expect
      .poll(async () => (await fetch(`${url}/-/ready`)).status, { timeout: 2000, interval: 50 })
      .toBe(200);
  });
});
