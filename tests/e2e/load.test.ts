import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setInterval as every } from 'node:timers/promises';
import { describe, expect, inject, it } from 'vitest';
import { expectAllAnswered, startLoad } from '../fixtures/load.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import type { Scratch } from '../fixtures/scratch.ts';

const scratch = useScratch();
const amount = 10_000;

const change = (url: string, method: 'POST' | 'DELETE', body: object): Promise<Response> =>
  fetch(url, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** Settings with which each replica writes down what it runs, and a reader of what they wrote. */
async function recording({ folder }: Scratch) {
  const directory = join(folder, 'records');
  await mkdir(directory);
  return {
    settings: { HANDLER: handlerFile('recording'), RECORD_DIRECTORY: directory },
    /** The numbers of all requests that were run, by replica. */
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

/** Numbers the requests of a load: `x-number` is different in each. */
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
      // First the new one, so that the ring is never empty.
      statuses.push((await change(`${url}/add`, 'POST', { n: 1 })).status);
      statuses.push((await change(`${url}/rm`, 'DELETE', { n: 1 })).status);
    }
    const result = await load.finished;
    console.log(
      `10,000 requests in ${result.duration} s, p99 ${result.latency.p99} ms, during ${statuses.length} changes of the ring`,
    );
    expectAllAnswered(result, amount);
    expect(statuses.length).toBeGreaterThanOrEqual(4);
    expect(statuses).toEqual(statuses.map(() => 200));
    const records = await read();
    expect(records.size).toBeGreaterThan(3);
    expectEachOnce(records, amount);
  });

  it('come to the same replica for the same key at each of two gateways', async () => {
    const place = await scratch();
    const { settings, read } = await recording(place);
    const shared = { REDIS_URL: inject('redisUrl'), NAMESPACE: `load-${randomBytes(6).toString('hex')}` };
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
  it('a request is answered 503 at once, and one after the next /add by its replica', async () => {
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

  it('a start with REPLICAS=0 is ready, and answers 503', async () => {
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
      `${during} requests answered during an /add of 3 (${Math.round(addMs)} ms): p50 ${result.latency.p50} ms, p99 ${result.latency.p99} ms, ` +
        `worst ${result.latency.max} ms`,
    );
    expect(added.status).toBe(200);
    expect(during).toBeGreaterThan(10);
    expect(result.latency.p90).toBeLessThan(1000);
    // The new workers take the processor's time, but nothing that waited for them would be answered before.
    expect(result.latency.max).toBeLessThan(Math.max(1000, addMs));
    expect(result.non2xx + result.errors + result.timeouts).toBe(0);
  });
});
