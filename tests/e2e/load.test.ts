import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setInterval as every } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { expectAllAnswered, startLoad } from '../fixtures/load.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import type { Scratch } from '../fixtures/scratch.ts';
import { fileRedisUrl } from '../fixtures/file-redis.ts';

const scratch = useScratch();
const amount = 10_000;

const change = (url: string, method: 'POST' | 'DELETE', body: object): Promise<Response> =>
  fetch(url, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** Settings with which each replica records the requests that it runs, and a reader of those records. */
async function recording({ folder }: Scratch) {
  const directory = join(folder, 'records');
  await mkdir(directory);
  return {
    settings: { HANDLER: handlerFile('recording'), RECORD_DIRECTORY: directory },
    /** The numbers of all requests that ran, by replica. */
    read: async () =>
      new Map(
        await Promise.all(
          (await readdir(directory)).map(async (replica) => {
            const lines = (await readFile(join(directory, replica), 'utf8')).trimEnd().split('\n');
            return [replica, lines] as const;
          }),
        ),
      ),
  };
}

/** Gives each request of a load its own `x-number`. */
function numbering(): () => Record<string, string> {
  let number = 0;
  return () => ({ 'x-number': String((number += 1)) });
}

function expectEachOnce(records: ReadonlyMap<string, readonly string[]>, count: number): void {
  const numbers = [...records.values()].flat();
  expect(numbers).toHaveLength(count);
  expect(new Set(numbers).size).toBe(count);
}

describe('10,000 requests over 64 connections', () => {
  it('are each answered and run once by one of three replicas', async () => {
    const place = await scratch();
    const { settings, read } = await recording(place);
    const { url } = await place.startReady(settings);
    const result = await startLoad({ url, connections: 64, amount, headers: numbering() }).finished;
    console.log(
      `10,000 requests in ${result.duration} s, p50 ${result.latency.p50} ms, p99 ${result.latency.p99} ms`,
    );
    expectAllAnswered(result, amount);
    const records = await read();
    expect([...records.keys()].toSorted()).toEqual(['S1', 'S2', 'S3']);
    expectEachOnce(records, amount);
  });

  it('are each answered and run once while replicas come and go', async () => {
    const place = await scratch();
    const { settings, read } = await recording(place);
    const { url } = await place.startReady(settings);
    const load = startLoad({ url, connections: 64, amount, headers: numbering() });
    let running = true;
    void load.finished.finally(() => (running = false));
    const statuses: number[] = [];
    for await (const _ of every(500)) {
      if (!running) break;
      // Add before removing, so that the ring is never empty.
      statuses.push((await change(`${url}/add`, 'POST', { n: 1 })).status);
      statuses.push((await change(`${url}/rm`, 'DELETE', { n: 1 })).status);
    }
    const result = await load.finished;
    console.log(
      `10,000 requests in ${result.duration} s, p99 ${result.latency.p99} ms, ` +
        `during ${statuses.length} changes of the ring`,
    );
    expectAllAnswered(result, amount);
    expect(statuses.length).toBeGreaterThanOrEqual(4);
    expect(statuses).toEqual(statuses.map(() => 200));
    const records = await read();
    expect(records.size).toBeGreaterThan(3);
    expectEachOnce(records, amount);
  });

  it('reach the same replica for the same key through either of two gateways', async () => {
    const place = await scratch();
    const { settings, read } = await recording(place);
    const shared = { REDIS_URL: fileRedisUrl, NAMESPACE: `load-${randomBytes(6).toString('hex')}` };
    const first = await place.startReady({ ...settings, ...shared });
    const second = await place.startReady({ ...shared, ROLE: 'gateway' });
    const replicasOf = new Map<string, Set<string>>();
    const number = numbering();
    const results = await Promise.all(
      [first, second].map(({ url }) => {
        let sent = 0;
        return startLoad({
          url,
          connections: 32,
          amount,
          headers: () => ({ ...number(), 'ringpost-key': `key-${(sent += 1) % 5000}` }),
          onResponse: (_, body) => {
            const { replica, key } = JSON.parse(body) as { replica: string; key: string };
            const known = replicasOf.get(key) ?? new Set();
            replicasOf.set(key, known.add(replica));
          },
        }).finished;
      }),
    );
    for (const result of results) expectAllAnswered(result, amount);
    expect(replicasOf.size).toBe(5000);
    expect([...replicasOf].filter(([, replicas]) => replicas.size > 1)).toEqual([]);
    expectEachOnce(await read(), 2 * amount);
  });
});

describe('without a replica', () => {
  it('answers 503 at once, and after the next /add the new replica answers', async () => {
    const place = await scratch();
    const { url } = await place.startReady();
    expect((await change(`${url}/rm`, 'DELETE', { n: 3 })).status).toBe(200);
    const asked = performance.now();
    const response = await fetch(`${url}/home`);
    expect(performance.now() - asked).toBeLessThan(1000);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'no_replica' });
    expect((await change(`${url}/add`, 'POST', { n: 1, hostnames: ['S7'] })).status).toBe(200);
    expect((await fetch(`${url}/home`)).headers.get('ringpost-replica')).toBe('S7');
  });

  it('starts with REPLICAS=0, is ready, and answers 503', async () => {
    const { startReady } = await scratch();
    const { url, replicas } = await startReady({ REPLICAS: '0' });
    expect(replicas).toEqual(['none']);
    expect((await fetch(`${url}/home`)).status).toBe(503);
  });
});

describe('during an /add of three replicas', () => {
  it('no request waits for it', async () => {
    const place = await scratch();
    const { url } = await place.startReady();
    let answered = 0;
    const load = startLoad({ url: `${url}/home`, connections: 8, onResponse: () => (answered += 1) });
    await expect.poll(() => answered, { timeout: 20_000 }).toBeGreaterThan(200);
    const before = answered;
    const asked = performance.now();
    const added = await change(`${url}/add`, 'POST', { n: 3 });
    const during = answered - before;
    const addMs = performance.now() - asked;
    load.stop();
    const result = await load.finished;
    console.log(
      `${during} requests answered during an /add of 3 (${Math.round(addMs)} ms): ` +
        `p50 ${result.latency.p50} ms, p99 ${result.latency.p99} ms, worst ${result.latency.max} ms`,
    );
    expect(added.status).toBe(200);
    expect(during).toBeGreaterThan(10);
    expect(result.latency.p90).toBeLessThan(1000);
    // The new workers use CPU time. A request that waited for them would take as long as the /add.
    expect(result.latency.max).toBeLessThan(Math.max(1000, addMs));
    expect(result.non2xx + result.errors + result.timeouts).toBe(0);
  });
});
