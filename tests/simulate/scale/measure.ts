import { setTimeout as delay } from 'node:timers/promises';
import { encodeHints } from '#shared/contract/frame.ts';
import { createLogger } from '#shared/process/logger.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { InboxLists } from '#shared/store/replies/inbox-lists.ts';
import { processorTime } from '../../bench/measure/cpu.ts';
import { median } from '../../bench/numbers.ts';
import { countedDuring } from '../../fixtures/command-counts.ts';
import { stageReplicas } from '../../fixtures/staged-replicas.ts';
import { startSyntheticWorkers } from './synthetic-workers.ts';
import { residentMb, withScene } from './scene.ts';
import type { Scene, Started } from './scene.ts';

/** What some processes cost while nobody sends requests. */
export interface Idle {
  /** Commands per second in Redis, those in scripts included. */
  readonly commands: number;
  /** Processor time of Redis, in ms per second. */
  readonly redisMs: number;
  readonly kBIn: number;
  readonly kBOut: number;
  /** Processor time of the processes, in ms per second. */
  readonly ownMs: number;
  /** Connections to Redis. */
  readonly connections: number;
  /** Resident memory, in MB. */
  readonly mb: number;
}

/** A path of the admin side, asked for once. */
export interface Page {
  readonly path: string;
  readonly kB: number;
  readonly ms: number;
  readonly commands: number;
  readonly redisMs: number;
}

/** What one size of a system costs. */
export interface Size {
  readonly replicas: number;
  /** By the number of gateways that run at once. */
  readonly gateways: readonly (readonly [count: number, idle: Idle])[];
  readonly controller: Idle;
  readonly pages: readonly Page[];
  /** Processor time in µs of a reply that is read alone. */
  readonly reply: { readonly redisUs: number; readonly gatewayUs: number; readonly bytesIn: number };
  readonly redisMb: number;
}

/** As long as the name of a gateway on a host of a cluster. */
const gateway = 'gateway-7f9c6d5b4-x2x2x-0123abcd';
const settleMs = 5000;
const measuredMs = 6000;
const log = createLogger('simulate', 'silent');

async function idle(
  { redis, connections }: Scene,
  started: readonly Started[],
  before?: Idle,
): Promise<Idle> {
  await delay(settleMs);
  const own = async (): Promise<number> =>
    (await Promise.all(started.map(({ pid }) => processorTime(pid)))).reduce((sum, each) => sum + each, 0);
  const seconds = measuredMs / 1000;
  const ownBefore = await own();
  const counted = await countedDuring(redis, () => delay(measuredMs));
  const ownAfter = await own();
  const mb = (await Promise.all(started.map(({ pid }) => residentMb(pid)))).reduce(
    (sum, each) => sum + each,
    0,
  );
  return {
    commands: counted.commands / seconds - (before?.commands ?? 0),
    redisMs: counted.processorMs / seconds - (before?.redisMs ?? 0),
    kBIn: counted.bytesIn / seconds / 1000 - (before?.kBIn ?? 0),
    kBOut: counted.bytesOut / seconds / 1000 - (before?.kBOut ?? 0),
    ownMs: (ownAfter - ownBefore) / 1000 / seconds,
    connections: (await connections()) - (before?.connections ?? 0),
    mb,
  };
}

/** @returns what one idle worker costs, measured with some; undefined without any. */
export async function measureWorker(count: number): Promise<Idle | undefined> {
  if (count === 0) return undefined;
  return withScene(async (scene) => {
    const nothing = await idle(scene, []);
    const names = Array.from({ length: count }, (_, at) => `S${at + 1}`);
    const started = await Promise.all(
      names.map((name) => scene.start('worker', { REPLICA: name, REPLICA_DRIVER: 'none' })),
    );
    const all = await idle(scene, started, nothing);
    const each = Object.entries(all).map(([name, value]) => [name, Number(value) / count]);
    return Object.fromEntries(each) as Idle; // the same fields as those of `all`
  });
}

/**
 * Measures what many idle workers cost Redis together. Their commands share its wake-ups, so that each of
 * them costs less than one that is alone.
 * @param counts numbers of workers, ascending.
 */
export async function measureWorkers(
  counts: readonly number[],
): Promise<(readonly [count: number, idle: Idle])[]> {
  if (counts.length === 0) return [];
  return withScene(async (scene) => {
    const nothing = await idle(scene, []);
    const measured: (readonly [number, Idle])[] = [];
    const ends: (() => void)[] = [];
    let last = 0;
    for (const count of counts) {
      const names = Array.from({ length: count - last }, (_, at) => `S${last + at + 1}`);
      ends.push(await startSyntheticWorkers(scene.url, scene.namespace, names));
      measured.push([count, await idle(scene, [], nothing)]);
      last = count;
    }
    for (const end of ends) end();
    return measured;
  });
}

/** @param counts numbers of gateways, ascending. */
export function measureSize(replicas: number, counts: readonly number[]): Promise<Size> {
  return withScene(async (scene) => {
    const { redis, connection, start } = scene;
    await stageReplicas(connection, replicas);
    const nothing = await idle(scene, []);
    const role = { PORT: '0', MAX_REPLICAS: '10000', REPLICA_DRIVER: 'none' };
    const leader = await start('gateway', { ...role, ROLE: 'controller' });
    const controller = await idle(scene, [leader], nothing);
    await leader.stop();
    const reply = await replyCost(scene, replicas);
    const running: Started[] = [];
    const gateways: [number, Idle][] = [];
    for (const count of counts) {
      while (running.length < count) running.push(await start('gateway', { ...role, ROLE: 'gateway' }));
      gateways.push([count, await idle(scene, running, nothing)]);
    }
    const [first] = running;
    const pages = first === undefined ? [] : await measurePages(scene, first.url);
    const memory = /^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1];
    return { replicas, gateways, controller, pages, reply, redisMb: Number(memory) / 1e6 };
  });
}

const paths = ['/rep', '/-/ring', '/-/api/overview', '/-/metrics', '/-/api/plan?add=*', '/-/api/plan?rm=S5'];

async function measurePages({ redis }: Scene, url: string): Promise<Page[]> {
  const pages: Page[] = [];
  for (const path of paths) {
    const times: number[] = [];
    let kB = 0;
    const rounds = 3;
    await fetch(`${url}${path}`).then((response) => response.arrayBuffer());
    const counted = await countedDuring(redis, async () => {
      for (let round = 0; round < rounds; round += 1) {
        // The metrics are read from Redis at most once a second.
        await delay(1010);
        const begun = performance.now();
        kB = (await (await fetch(`${url}${path}`)).arrayBuffer()).byteLength / 1000;
        times.push(performance.now() - begun);
      }
    });
    const idleShare = await countedDuring(redis, () => delay(1010));
    pages.push({
      path,
      kB,
      ms: median(times),
      commands: Math.max(0, counted.commands / rounds - idleShare.commands),
      redisMs: Math.max(0, counted.processorMs / rounds - idleShare.processorMs),
    });
  }
  return pages;
}

/** Reads replies one at a time, as a gateway does that waits for all replicas: each read waits for one. */
async function replyCost({ redis, connection, keys }: Scene, replicas: number): Promise<Size['reply']> {
  const client = redis.duplicate();
  const reader = new Connection(client, 'scale');
  const lists = new InboxLists({ reader, waker: connection, gateway, log });
  lists.listenTo(Array.from({ length: replicas }, (_, at) => `S${at + 1}`));
  const frame = encodeHints('0b8b2b0e-0000-4000-8000-000000000000.S1', ['link', '</style.css>; rel=preload']);
  const text = typeof frame === 'string' ? frame : Buffer.from(frame);
  const one = async (at: number): Promise<void> => {
    const read = lists.read(false);
    await redis.rpush(keys.inbox(`S${(at % replicas) + 1}`, gateway), text);
    await read;
  };
  for (let at = 0; at < 200; at += 1) await one(at);
  const count = 2000;
  const before = process.cpuUsage();
  const counted = await countedDuring(redis, async () => {
    for (let at = 0; at < count; at += 1) await one(at);
  });
  const { user, system } = process.cpuUsage(before);
  client.disconnect();
  return {
    redisUs: (counted.processorMs * 1000) / count,
    gatewayUs: (user + system) / count,
    bytesIn: counted.bytesIn / count,
  };
}
