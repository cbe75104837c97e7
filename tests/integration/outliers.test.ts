import { writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RingReplicaView, RingView } from '#shared/contract/ring-view.ts';
import { fileURLToPath } from 'node:url';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const wait = { timeout: 30_000 };
const handler = fileURLToPath(new URL('../fixtures/handlers/outlier.ts', import.meta.url));

type Ills = Record<string, { status?: number; ms?: number }>;

const illsFile = (): string => `${workers.ledger()}.ills`;
const setIlls = (ills: Ills): void => writeFileSync(illsFile(), JSON.stringify(ills));

function start(more: NodeJS.ProcessEnv = {}): Promise<RunningGateway> {
  setIlls({});
  return system().start({
    REPLICAS: '3',
    HANDLER: handler,
    LEDGER: workers.ledger(),
    ILLS: illsFile(),
    LEASE_MS: '900',
    OUTLIER_DETECTION: 'on',
    OUTLIER_BASE_EJECTION_MS: '2000',
    OUTLIER_INTERVAL_MS: '1000',
    OUTLIER_PROBE_PATH: '/probe',
    ...more,
  });
}

async function shown({ adminUrl }: RunningGateway, name: string): Promise<RingReplicaView | undefined> {
  const ring = (await (await fetch(`${adminUrl}/-/ring`)).json()) as RingView; // as the route answers
  return ring.replicas.find((replica) => replica.name === name);
}

const ejectedOf = async (running: RunningGateway, name: string): Promise<string | null | undefined> =>
  (await shown(running, name))?.ejected;

function keyOf({ gateway }: RunningGateway, replica: string, not = 'none'): string {
  for (let at = 0; ; at += 1) {
    const key = `key-${at}`;
    if (key !== not && gateway.watcher.ring.owner(key) === replica) return key;
  }
}

const ask = async (
  { url }: RunningGateway,
  key: string,
  path: string,
  init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
): Promise<Response> =>
  fetch(`${url}/${path}`, { ...init, headers: { 'ringpost-key': key, ...init.headers } });

/** Sends requests with many keys, one after the other, until the test is over or stops it. */
function load(running: RunningGateway, clients = 4): () => Promise<void> {
  const stopped = new AbortController();
  onTestFinished(() => stopped.abort());
  const all = Array.from({ length: clients }, async (_, client) => {
    for (let at = 0; !stopped.signal.aborted; at += 1) {
      const key = `load-${client}-${at}`;
      const answer = await ask(running, key, `load/${key}`, { method: 'POST' }).catch(() => undefined);
      if (answer === undefined) break;
      await answer.arrayBuffer();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  return async () => {
    stopped.abort();
    await Promise.all(all);
  };
}

const probes = async (): Promise<string[]> =>
  (await workers.runs()).filter((line) => line.includes('/probe'));

describe('a replica whose answers fail', () => {
  it('is ejected; a failed probe keeps it out for longer; once healed it returns; POSTs run once', async () => {
    const running = await start();
    const key = keyOf(running, 'S2');
    const stop = load(running);
    setIlls({ S2: { status: 500 } });
    await expect
      .poll(() => ejectedOf(running, 'S2'), wait)
      .toMatch(/^ejected until \S+Z: \d+ consecutive 5xx; of the others' answers 0 % failed$/);
    await expect.poll(() => running.gateway.watcher.ring.owner(key), wait).not.toBe('S2');
    expect((await ask(running, key, 'moved')).status).toBe(200);
    expect(await shown(running, 'S2')).toMatchObject({ state: 'ready', inRing: false, hold: null });
    expect((await fetch(`${running.url}/-/ready`)).status).toBe(200);
    const overview = await (await fetch(`${running.adminUrl}/-/api/overview`)).text();
    expect(overview).toContain('replica_ejected');

    await expect.poll(() => ejectedOf(running, 'S2'), wait).toMatch(/ \(2 in a row\): /);
    expect(await probes()).toContain('GET /probe S2 500 outlier');
    const metrics = await (await fetch(`${running.adminUrl}/-/metrics`)).text();
    expect(metrics).toMatch(/ringpost_outlier_ejections_total\{reason="consecutive_5xx"\} 1\n/);
    expect(metrics).toContain('ringpost_outlier_ejections_active 1\n');

    setIlls({});
    await expect.poll(() => running.gateway.watcher.ring.owner(key), wait).toBe('S2');
    expect(await ejectedOf(running, 'S2')).toBe(null);
    expect((await probes()).at(-1)).toBe('GET /probe S2 200 outlier');
    await stop();
    const posts = (await workers.runs())
      .filter((line) => line.startsWith('POST'))
      .map((line) => line.split(' ')[1]);
    expect(new Set(posts).size).toBe(posts.length);
    // What had failed before its return does not count again.
    expect(await ejectedOf(running, 'S2')).toBe(null);
  });

  it('is not ejected if the others fail as well', async () => {
    const running = await start();
    load(running);
    setIlls({ S1: { status: 503 }, S2: { status: 503 }, S3: { status: 503 } });
    const { redis, keys } = system();
    await expect
      .poll(async () => (await leaseOf(system(), 'S2'))?.answers?.failedInRow ?? 0, wait)
      .toBeGreaterThan(30);
    expect(await redis.hgetall(keys.ejections)).toEqual({});
  });

  it('is not ejected for one key, for hurried clients, or for clients that leave', async () => {
    const running = await start({ REPLY_TIMEOUT_MS: '5000' });
    setIlls({ S2: { status: 500 } });
    const key = keyOf(running, 'S2');
    for (let at = 0; at < 8; at += 1) expect((await ask(running, key, 'same')).status).toBe(500);
    const answers = async (): Promise<number> => (await leaseOf(system(), 'S2'))?.answers?.failedInRow ?? 0;
    await expect.poll(answers, wait).toBe(8);
    expect(await ejectedOf(running, 'S2')).toBe(null);
    setIlls({});
    await ask(running, key, 'well');
    setIlls({ S2: { ms: 700 } });
    const hurried = Array.from({ length: 8 }, (_, at) =>
      ask(running, keyOf(running, 'S2', at % 2 === 0 ? key : 'none'), 'hurried', {
        headers: { 'ringpost-deadline': '200' },
      }),
    );
    expect(new Set((await Promise.all(hurried)).map(({ status }) => status))).toEqual(new Set([504]));
    const left = Array.from({ length: 8 }, () =>
      ask(running, key, 'left', { signal: AbortSignal.timeout(100) }).catch(() => 'left'),
    );
    expect(new Set(await Promise.all(left))).toEqual(new Set(['left']));
    setIlls({});
    expect((await ask(running, key, 'well')).status).toBe(200);
    await eventually(async () => ((await leaseOf(system(), 'S2'))?.answers?.answered ?? 0) >= 10);
    expect(await leaseOf(system(), 'S2')).toMatchObject({ answers: { failed: 8, failedInRow: 0 } });
    expect(await ejectedOf(running, 'S2')).toBe(null);
  });

  it('stays ejected when another controller leads, which probes it, and an operator can resume it', async () => {
    setIlls({});
    const own = { HANDLER: handler, LEDGER: workers.ledger(), ILLS: illsFile() };
    await Promise.all(['S1', 'S2', 'S3'].map((name) => workers.start(system(), name, own)));
    const outliers = { REPLICA_DRIVER: 'none', OUTLIER_BASE_EJECTION_MS: '4000' };
    const [first, second] = [await start(outliers), await start(outliers)];
    const leader = async (): Promise<string | null> => await system().redis.get(system().keys.leader);
    const before = await leader();
    const key = keyOf(second, 'S2');
    const fail = async (): Promise<void> => {
      setIlls({ S2: { status: 502 } });
      const other = keyOf(second, 'S2', key);
      const owner = async (): Promise<string | undefined> => {
        await Promise.all([key, other, keyOf(second, 'S1')].map((each) => ask(second, each, 'x')));
        return second.gateway.watcher.ring.owner(key);
      };
      await expect.poll(owner, wait).not.toBe('S2');
    };
    await fail();
    expect(await ejectedOf(second, 'S2')).toMatch(
      /consecutive gateway failures; of the others' answers 0 % failed$/,
    );
    await first.stop();
    setIlls({});
    await expect.poll(() => second.gateway.watcher.ring.owner(key), wait).toBe('S2');
    expect(await leader()).not.toBe(before);
    expect(await probes()).toEqual(['GET /probe S2 200 outlier']);

    await fail();
    expect(await ejectedOf(second, 'S2')).toMatch(/\(2 in a row\)/);
    setIlls({});
    const resume = await fetch(`${second.adminUrl}/-/api/replicas/S2/resume`, { method: 'POST' });
    expect(resume.status).toBe(202);
    await expect.poll(() => second.gateway.watcher.ring.owner(key), wait).toBe('S2');
    expect(await ejectedOf(second, 'S2')).toBe(null);
    expect(await probes()).toHaveLength(1);
  });
});

describe('a replica whose answers fail while no other has requests', () => {
  /** S1 is busy, and S2 sleeps. @returns a key of S1. */
  async function begin(): Promise<{ running: RunningGateway; key: string }> {
    const running = await start({ REPLICAS: '2', SLEEP_AFTER_S: '1' });
    const key = keyOf(running, 'S1');
    const other = keyOf(running, 'S1', key);
    const stopped = new AbortController();
    onTestFinished(() => stopped.abort());
    void (async () => {
      while (!stopped.signal.aborted) {
        for (const each of [key, other]) await ask(running, each, 'busy').catch(() => stopped.abort());
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    await expect.poll(() => shown(running, 'S2'), wait).toMatchObject({ state: 'asleep' });
    return { running, key };
  }

  it('is ejected if a probe fails there and not at another one, which is woken for it', async () => {
    const { running, key } = await begin();
    setIlls({ S1: { status: 500 } });
    await expect
      .poll(() => ejectedOf(running, 'S1'), wait)
      .toMatch(/\d+ consecutive 5xx; a probe failed here, and not at S2$/);
    await expect.poll(() => running.gateway.watcher.ring.owner(key), wait).toBe('S2');
    expect((await ask(running, key, 'moved')).status).toBe(200);
    setIlls({});
    await expect.poll(() => running.gateway.watcher.ring.owner(key), wait).toBe('S1');
  });

  it('is not ejected if the other one fails too; a probe keeps nothing awake for a minute', async () => {
    const { running } = await begin();
    setIlls({ S1: { status: 503 }, S2: { status: 503 } });
    await expect.poll(probes, wait).toContain('GET /probe S2 503 outlier');
    await expect.poll(async () => (await probes()).length, wait).toBeGreaterThan(5);
    expect(await ejectedOf(running, 'S1')).toBe(null);
    setIlls({});
    await expect.poll(() => shown(running, 'S2'), wait).toMatchObject({ state: 'asleep' });
  });
});

describe('a replica whose answers are slow', () => {
  it('is ejected if others are far faster, and its requests are finished by its worker', async () => {
    const running = await start({ OUTLIER_SLOW_FACTOR: '3', OUTLIER_MIN_REQUESTS: '5' });
    const [key, other] = [keyOf(running, 'S2'), keyOf(running, 'S1')];
    setIlls({ S2: { ms: 1500 } });
    const held = Array.from({ length: 3 }, () => ask(running, key, 'held', { method: 'POST' }));
    await eventually(async () => (await workers.runs()).filter((run) => run.includes('/held')).length === 3);
    setIlls({ S2: { ms: 150 } });
    const stop = load(running, 12);
    await expect
      .poll(() => ejectedOf(running, 'S2'), wait)
      .toMatch(/^ejected until \S+Z: median 1\d\d ms, others [\d.]+ ms$/);
    await expect.poll(() => running.gateway.watcher.ring.owner(key), wait).not.toBe('S2');
    for (const answer of await Promise.all(held)) expect(answer.headers.get('ringpost-replica')).toBe('S2');
    await stop();
    expect((await ask(running, other, 'other')).status).toBe(200);
    setIlls({});
    await expect.poll(() => running.gateway.watcher.ring.owner(key), wait).toBe('S2');
  });
});

it('off, a request carries nothing for it, a worker counts nothing, and nothing is noted', async () => {
  const running = await start({ OUTLIER_DETECTION: 'off', REPLICAS: '2' });
  setIlls({ S2: { status: 500 } });
  const key = keyOf(running, 'S2');
  for (let at = 0; at < 10; at += 1) await ask(running, at % 2 === 0 ? key : keyOf(running, 'S2', key), 'x');
  const lease = await leaseOf(system(), 'S2');
  expect(lease?.state).toBe('ready');
  await eventually(async () => (await leaseOf(system(), 'S2'))?.numbers !== undefined);
  expect(await leaseOf(system(), 'S2')).not.toHaveProperty('answers');
  expect(await system().redis.exists(system().keys.ejections)).toBe(0);
});

it('turned off, it ends the ejections that are noted', async () => {
  setIlls({});
  const { redis, keys } = system();
  const ejection = { cause: 'slow', detail: 'x', count: 1, generation: 1, since: 1, until: 4e12 };
  await redis.hset(keys.ejections, 'S2', JSON.stringify(ejection));
  const running = await start({ OUTLIER_DETECTION: 'off', REPLICAS: '2' });
  await expect.poll(() => running.gateway.watcher.ring.members.length, wait).toBe(2);
  expect(await redis.exists(keys.ejections)).toBe(0);
});
