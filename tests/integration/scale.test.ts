import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { GatewayReport } from '#shared/contract/gateway-report.ts';
import { createLogger } from '#shared/process/logger.ts';
import { HeirStore } from '#shared/store/ring/heir-store.ts';
import { GatewayRegistry } from '#shared/store/ring/gateway-registry.ts';
import { ReplicaObserver } from '#shared/store/ring/replica-observer.ts';
import { RingStore } from '#shared/store/ring/ring-store.ts';
import { observe } from '../../gateway/controller/observe.ts';
import { plan } from '../../gateway/controller/plan.ts';
import type { Memory } from '../../gateway/controller/plan.ts';
import { createNoDriver } from '../../gateway/drivers/none.ts';
import { countedDuring } from '../fixtures/command-counts.ts';
import { stageReplicas } from '../fixtures/staged-replicas.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');
const replicas = 1000;
let names: readonly string[] = [];

const sumOf = (calls: Readonly<Record<string, number>>, ...of: string[]): number =>
  of.reduce((sum, name) => sum + (calls[name] ?? 0), 0);

describe('with 1,000 replicas', () => {
  beforeEach(async () => {
    names = await stageReplicas(system().connection, replicas);
  }, 60_000);

  it('an idle gateway sends at most 50 commands a second, and is sent at most 100 kB', async () => {
    const { redis } = system();
    await system().start({ ROLE: 'gateway' });
    // The first seconds have what a start does.
    await delay(6000);
    const seconds = 10;
    const { commands, bytesOut, calls } = await countedDuring(redis, () => delay(seconds * 1000));
    expect(commands / seconds, JSON.stringify(calls)).toBeLessThan(50);
    expect(bytesOut / seconds).toBeLessThan(100_000);
  }, 60_000);

  it('a pass of the controller costs at most 1,100 commands, and makes its plan in at most 50 ms', async () => {
    const { connection, redis } = system();
    const store = new RingStore(connection, log);
    const observer = new ReplicaObserver(connection, new HeirStore(connection, store, log));
    await observe(store, observer, createNoDriver());
    let seen = await observe(store, observer, createNoDriver());
    const { calls, commands } = await countedDuring(redis, async () => {
      seen = await observe(store, observer, createNoDriver());
    });
    // In a script, one for each replica finds out whether its queue is paused.
    expect(sumOf(calls, 'hexists')).toBe(replicas);
    expect(commands, JSON.stringify(calls)).toBeLessThan(1100);
    const instances = names.map((name) => ({ name, generation: 1, id: name, outdated: false }));
    const observed = { ...seen, instances, blind: false, starting: new Set<string>() };
    const settings = { failoverMs: 2000, startTimeoutMs: 30_000, retiredIdleMs: 3000, sleepAfterMs: 60_000 };
    let memory: Memory = new Map();
    const times = Array.from({ length: 10 }, (_, at) => {
      const begun = performance.now();
      const { steps, memory: next } = plan(observed, memory, new Map(), settings, Date.now() + at * 500);
      memory = next;
      expect(steps).toEqual([]);
      return performance.now() - begun;
    });
    expect([...memory.values()].every(({ state }) => state === 'ready')).toBe(true);
    expect(Math.min(...times)).toBeLessThan(50);
  }, 60_000);

  it('a status, a plan and the metrics keep within their sizes, and none takes longer than 2 s', async () => {
    const { url } = await system().start({ ROLE: 'gateway', MAX_REPLICAS: '2000' });
    const read = async (path: string): Promise<{ kB: number; ms: number }> => {
      const begun = performance.now();
      const response = await fetch(`${url}${path}`);
      const { byteLength } = await response.arrayBuffer();
      expect(response.status, path).toBe(200);
      return { kB: byteLength / 1000, ms: performance.now() - begun };
    };
    const limits = {
      '/rep': 20,
      '/-/ring': 300,
      '/-/api/overview': 800,
      '/-/metrics': 1500,
      '/-/api/plan?add=*': 150,
      '/-/api/plan?rm=S500': 150,
    };
    for (const [path, kB] of Object.entries(limits)) {
      await read(path);
      const seen = await read(path);
      expect(seen.kB, path).toBeLessThan(kB);
      expect(seen.ms, path).toBeLessThan(2000);
    }
  }, 60_000);

  it('a gateway reports a sum, and counts by replica only while somebody looks at them', async () => {
    const { connection, redis, keys } = system();
    const bucket = Array.from({ length: 20 }, () => 1);
    const one = { requests: 20, failures: 0, wait: bucket, service: bucket, total: bucket };
    const counts = Object.fromEntries(names.map((name) => [name, one]));
    const process = { rssBytes: 1, heapBytes: 1, eventLoopLagMs: 1, inFlight: 0, heldBytes: 0, pid: 1 };
    const times = { since: Date.now() - 60_000, at: Date.now() };
    const sum = { ...one, requests: 20_000 };
    const of = { name: 'g', role: 'gateway' as const, address: null, host: 'here', version: '1' };
    const report: GatewayReport = { ...of, ...process, ...times, counts, sum };
    const registry = new GatewayRegistry(connection, log);
    await registry.write(report);
    await registry.write(report);
    expect((await redis.hget(keys.gateways, 'g'))?.length).toBeLessThan(1000);
    expect(await redis.exists(keys.gatewayCounts)).toBe(0);
    const [read] = await registry.readAll();
    expect([read?.counts, read?.sum?.requests]).toEqual([{}, 20_000]);
    expect(await registry.readCounted()).toEqual(new Map());
    await registry.write(report);
    expect(Object.keys((await registry.readCounted()).get('g')?.counts ?? {})).toHaveLength(replicas);
    expect(await redis.pttl(keys.gatewayCounts)).toBeGreaterThan(0);
  });
});

it('queues far from their limit are not polled again and again while requests wait there', async () => {
  const { connection, redis } = system();
  await stageReplicas(connection, 100);
  const { url } = await system().start({ ROLE: 'gateway' });
  const aborted = new AbortController();
  // No worker takes them.
  const waiting = Array.from({ length: 400 }, (_, key) =>
    fetch(`${url}/home`, { headers: { 'ringpost-key': String(key) }, signal: aborted.signal }).catch(
      () => undefined,
    ),
  );
  await delay(3000);
  const { calls } = await countedDuring(redis, () => delay(3000));
  expect(sumOf(calls, 'llen', 'zcard'), JSON.stringify(calls)).toBeLessThan(100);
  aborted.abort();
  await Promise.all(waiting);
}, 60_000);
