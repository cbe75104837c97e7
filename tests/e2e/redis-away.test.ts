import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { handlerFile } from '../fixtures/scratch.ts';
import { doubledPosts, mixedLoad, runThoughRefused, tally } from '../fixtures/mixed-load.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import type { OwnRedis } from '../fixtures/own-redis.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';

const system = useSystem();

async function startOnOwn(
  settings: NodeJS.ProcessEnv = {},
): Promise<{ own: OwnRedis; ledger: string } & RunningGateway> {
  const own = await ownRedis();
  const ledger = `${own.directory}/ledger`;
  const running = await system().start({
    REDIS_URL: own.url,
    REPLICAS: '2',
    HANDLER: handlerFile('ledger'),
    LEDGER: ledger,
    ...settings,
  });
  return {
    own,
    ledger,
    url: running.url,
    adminUrl: running.adminUrl,
    gateway: running.gateway,
    controller: running.controller,
    stop: running.stop,
  };
}

/** Resolves when requests are served; rejects after `withinMs`. */
async function untilServed(url: string, withinMs: number): Promise<void> {
  await expect
    .poll(async () => (await fetch(`${url}/probe`, { signal: AbortSignal.timeout(5000) })).status, {
      timeout: withinMs,
      interval: 20,
    })
    .toBe(200);
}

/** The heap in use after a full garbage collection, in bytes. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void; // the flag above defines it
  collect();
  return process.memoryUsage().heapUsed;
}

describe('a Redis that dies while commands are in flight', () => {
  it('serves the gateway again as soon as it is back', async () => {
    const { own, url, gateway } = await startOnOwn();
    own.freeze();
    // Commands sent now are in flight when Redis dies: the ring, queue lengths, a job.
    const asked = fetch(`${url}/asked`);
    await expect.poll(() => gateway.dispatcher.waitingCount).toBe(1);
    await delay(700);
    await own.kill();
    await own.restart();
    await untilServed(url, 2000);
    expect((await asked).status).toBe(200);
    expect((await fetch(`${url}/-/ready`)).status).toBe(200);
  });
});

describe('a Redis that is away for 10 s under load', () => {
  it('makes each request 503 at once, accumulates nothing, and serves within 2 s of its return', async () => {
    const { own, url, gateway, ledger } = await startOnOwn();
    const load = mixedLoad(url);
    await delay(1500);
    await own.kill();
    const meanwhile = mixedLoad(url);
    await delay(2500);
    const heapBefore = heapInUse();
    const waitingBefore = gateway.dispatcher.waitingCount;
    await delay(7500);
    const waitingAfter = gateway.dispatcher.waitingCount;
    const heapAfter = heapInUse();
    const away = await meanwhile.stop();
    await own.restart();
    await untilServed(url, 2000);
    await delay(500);
    const answers = await load.stop();
    expect(away.length).toBeGreaterThan(500);
    expect(Object.keys(tally(away)).toSorted()).toEqual(['GET 503 redis_away', 'POST 503 redis_away']);
    expect(away.filter(({ retryAfter }) => retryAfter !== '1')).toEqual([]);
    expect(Math.max(...away.map(({ took }) => took))).toBeLessThan(1000);
    // Only requests in flight when Redis died wait for it, at most one of each client.
    expect(waitingBefore).toBeLessThanOrEqual(10);
    expect(waitingAfter).toBe(waitingBefore);
    expect(heapAfter - heapBefore).toBeLessThan(8 * 1024 * 1024);
    console.log(
      `10 s without Redis: ${JSON.stringify(tally(answers))}, slowest refusal ` +
        `${Math.round(Math.max(...away.map(({ took }) => took)))} ms, ` +
        `heap ${Math.round((heapAfter - heapBefore) / 1024)} KiB`,
    );
    expect(await doubledPosts(ledger)).toEqual([]);
    expect(await runThoughRefused(ledger, [...answers, ...away])).toEqual([]);
  });

  it('loses no job that waited or ran when Redis was killed', async () => {
    const { own, url, gateway, ledger } = await startOnOwn({ REPLICAS: '1', CONCURRENCY: '2' });
    const asked = Array.from({ length: 10 }, async (_, at) => {
      const response = await fetch(`${url}/w${at}?ms=400`, { method: at % 2 === 0 ? 'GET' : 'POST' });
      await response.arrayBuffer();
      return response.status;
    });
    await expect.poll(() => own.redis.llen(system().keys.unfinished('S1').wait)).toBe(8);
    await own.kill();
    await delay(1500);
    await own.restart();
    const back = performance.now();
    expect(await Promise.all(asked)).toEqual(asked.map(() => 200));
    // Ten jobs, two at a time, for 400 ms each.
    expect(performance.now() - back).toBeLessThan(2000 + 5 * 400);
    expect(gateway.dispatcher.waitingCount).toBe(0);
    expect(await doubledPosts(ledger)).toEqual([]);
  });
});

/** Kills all connections but the test's own. */
async function killConnections({ redis }: OwnRedis): Promise<void> {
  await Promise.all(['normal', 'pubsub'].map((type) => redis.call('CLIENT', 'KILL', 'TYPE', type)));
}

describe('connections that are killed over and over for 2 s', () => {
  it('leave every GET answered and run no POST twice', async () => {
    const { own, url, ledger } = await startOnOwn();
    const load = mixedLoad(url);
    await delay(500);
    const until = performance.now() + 2000;
    while (performance.now() < until) {
      await killConnections(own);
      await delay(100);
    }
    const ended = performance.now();
    await delay(1000);
    const answers = await load.stop();
    const counts = tally(answers);
    console.log(`connections killed for 2 s: ${JSON.stringify(counts)}`);
    const allowed = ['GET 200', 'POST 200', 'POST 502 outcome_unknown', 'POST 503 redis_away'];
    expect(Object.keys(counts).filter((kind) => !allowed.includes(kind))).toEqual([]);
    expect(await doubledPosts(ledger)).toEqual([]);
    expect(await runThoughRefused(ledger, answers)).toEqual([]);
    await untilServed(url, 2000);
    const after = answers.filter(({ asked }) => asked > ended + 300);
    expect(after.length).toBeGreaterThan(20);
    expect(after.filter(({ status }) => status !== 200)).toEqual([]);
  });
});

describe('answers that are too large for a frame', () => {
  it('arrive whole although connections break while they are fetched', async () => {
    const upstream = await recordingUpstream();
    upstream.answer = { body: Buffer.alloc(500_000, 'x') };
    const own = await ownRedis();
    const { url } = await system().start({ REDIS_URL: own.url, REPLICAS: '2', UPSTREAM: upstream.url });
    const ended = new AbortController();
    const kinds = new Set<string>();
    const clients = Array.from({ length: 8 }, async () => {
      while (!ended.signal.aborted) {
        const response = await fetch(`${url}/large`);
        kinds.add(`${response.status} ${(await response.arrayBuffer()).byteLength}`);
      }
    });
    const until = performance.now() + 2000;
    while (performance.now() < until) {
      await killConnections(own);
      await delay(60);
    }
    ended.abort();
    await Promise.all(clients);
    expect([...kinds]).toEqual(['200 500000']);
  });

  it('arrive whole as streams of small chunks too', async () => {
    const own = await ownRedis();
    const { url } = await system().start({
      REDIS_URL: own.url,
      REPLICAS: '2',
      HANDLER: 'examples/ticks.ts',
    });
    const clients = Array.from({ length: 30 }, async (_, at) => {
      const response = await fetch(`${url}/${at}?ms=10&to=250`);
      return [response.status, await response.text()];
    });
    const until = performance.now() + 3000;
    while (performance.now() < until) {
      await delay(100);
      await killConnections(own);
    }
    const whole = Array.from({ length: 250 }, (_, at) => `id: ${at + 1}\ndata: ${at + 1}\n\n`).join('');
    expect(await Promise.all(clients)).toEqual(clients.map(() => [200, whole]));
  });
});
