import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import type { Lease } from '#shared/contract/lease.ts';
import { checkRedis } from '#shared/store/redis/check-redis.ts';
import { doubledPosts, mixedLoad, tally } from '../fixtures/mixed-load.ts';
import type { Answered } from '../fixtures/mixed-load.ts';
import { keysOn, startClusterGroup, startSentinelGroup } from '../fixtures/redis-group.ts';
import type { RedisGroup } from '../fixtures/redis-group.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const kinds = { sentinel: startSentinelGroup, cluster: startClusterGroup };

interface Started {
  readonly group: RedisGroup;
  readonly url: string;
  readonly ledger: string;
  pids(): Promise<number[]>;
}

async function start(kind: keyof typeof kinds): Promise<Started> {
  const group = await kinds[kind](inject('redisBinary'));
  const directory = await mkdtemp(join(tmpdir(), 'ringpost-failover-'));
  onTestFinished(async () => {
    await group.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const ledger = `${directory}/ledger`;
  const running = await system().start({
    REDIS_URL: group.url,
    REPLICAS: '2',
    HANDLER: handlerFile('ledger'),
    LEDGER: ledger,
  });
  // The servers end before the system would.
  onTestFinished(() => running.stop());
  const { namespace } = system();
  const keys = keysOn(group.url, namespace);
  const pids = async (): Promise<number[]> => {
    const { redis } = await group.master(namespace);
    const leases = await Promise.all(['S1', 'S2'].map((name) => redis.get(keys.lease(name))));
    return leases.map((json) => (JSON.parse(json ?? '{}') as Lease).pid); // only workers write it
  };
  return { group, url: running.url, ledger, pids };
}

/** @returns how long after `from` the last answer came that was not 200, in ms. */
function outageMs(answers: readonly Answered[], from: number): number {
  const failed = answers.filter(({ status, asked, took }) => status !== 200 && asked + took > from);
  return Math.max(0, ...failed.map(({ asked, took }) => asked + took - from));
}

const allowed = /^(GET|POST) (200|503 redis_away)$|^POST 502 outcome_unknown$/;

/** Sends a load while `act` changes something. @returns for how long after that requests failed, in ms. */
async function through(
  { url, ledger, pids, group }: Started,
  what: string,
  act: () => Promise<void>,
): Promise<number> {
  const before = await pids();
  const load = mixedLoad(url);
  await delay(1000);
  const from = performance.now();
  await act();
  await expect
    .poll(
      async () => {
        const all = await Promise.all(Array.from({ length: 8 }, () => fetch(`${url}/probe`)));
        return all.every(({ status }) => status === 200);
      },
      { timeout: 20_000, interval: 100 },
    )
    .toBe(true);
  await delay(1500);
  const answers = await load.stop();
  console.log(
    `${group.kind}, ${what}: ${JSON.stringify(tally(answers))}, ` +
      `last failure after ${Math.round(outageMs(answers, from))} ms`,
  );
  expect(Object.keys(tally(answers)).filter((kind) => !allowed.test(kind))).toEqual([]);
  expect(await doubledPosts(ledger)).toEqual([]);
  expect(await pids()).toEqual(before);
  return outageMs(answers, from);
}

describe.each(['sentinel', 'cluster'] as const)('a master of a %s', (kind) => {
  it('is followed when it is switched, and left when it hangs', async () => {
    const started = await start(kind);
    const { group } = started;
    const { namespace } = system();
    await checkRedis(roleUrl(group.url, namespace, 'gateway'), ['gateway'], namespace);
    await checkRedis(roleUrl(group.url, namespace, 'worker'), ['worker'], namespace);
    const switching = await through(started, 'planned switch', () => group.switchOver(namespace));
    expect(switching).toBeLessThan(3000);
    const old = await group.master(namespace);
    const freezing = await through(started, 'frozen master', () => Promise.resolve(old.freeze()));
    expect(freezing).toBeLessThan(10_000);
    old.thaw();
    expect(await through(started, 'the old master is back', () => delay(2000))).toBeLessThan(1000);
  }, 120_000);

  it('is replaced when it is killed', async () => {
    const started = await start(kind);
    const old = await started.group.master(system().namespace);
    expect(await through(started, 'killed master', () => old.kill())).toBeLessThan(8000);
  }, 60_000);
});

describe('a slot of a Cluster that is moved to another node', () => {
  it('is followed', async () => {
    const started = await start('cluster');
    const { group } = started;
    const moving = await through(started, 'moved slot', async () => group.moveSlot?.(system().namespace));
    expect(moving).toBeLessThan(5000);
  }, 60_000);
});

describe('a master with min-replicas-to-write whose replicas are gone', () => {
  it('takes no requests, and takes them again when a replica is back', async () => {
    const { group, url } = await start('sentinel');
    const { namespace } = system();
    const master = await group.master(namespace);
    await master.redis.config('SET', 'min-replicas-to-write', '1');
    await master.redis.config('SET', 'min-replicas-max-lag', '1');
    expect((await fetch(`${url}/before`)).status).toBe(200);
    const replicas = group.servers.filter((each) => each !== master);
    for (const each of replicas) each.freeze();
    // One that was accepted just before waits for its answer until a replica is back.
    const ask = async (): Promise<number> => {
      const answer = await fetch(`${url}/meanwhile`, { signal: AbortSignal.timeout(1000) });
      return answer.status;
    };
    await expect.poll(() => ask().catch(() => 0), { timeout: 8000 }).toBe(503);
    for (const each of replicas) each.thaw();
    await expect.poll(async () => (await fetch(`${url}/after`)).status, { timeout: 15_000 }).toBe(200);
  }, 60_000);
});

describe('a master that is cut off from its replicas and sentinels', () => {
  it('has no worker that starts a request once its lease has run out', async () => {
    const { group, url } = await start('sentinel');
    const { namespace } = system();
    expect((await fetch(`${url}/before`)).status).toBe(200);
    const rejoin = group.cutOff(await group.master(namespace));
    onTestFinished(rejoin);
    // The renewals of the last second may still count.
    await delay(4500);
    const asked = fetch(`${url}/meanwhile`);
    expect(await Promise.race([asked, delay(2000, 'not started')])).toBe('not started');
    rejoin();
    expect((await asked).status).toBe(200);
  }, 60_000);
});

describe('the settings of a Cluster', () => {
  it('are checked as far as they bound what a master that is cut off confirms', async () => {
    const group = await startClusterGroup(inject('redisBinary'));
    onTestFinished(() => group.stop());
    const { namespace } = system();
    const check = (): Promise<string[]> => checkRedis(group.url, [], namespace, 3000);
    // It has one replica, without which `min-replicas-to-write` would refuse everything.
    expect(await check()).toEqual([]);
    const { redis } = await group.master(namespace);
    await redis.config('SET', 'cluster-node-timeout', '15000');
    expect(await check()).toEqual([
      expect.stringContaining(
        'cluster-node-timeout of Redis is 15000 ms, which is longer than LEASE_MS (3000)',
      ),
    ]);
  }, 60_000);
});

describe('a URL that names the wrong kind of server', () => {
  it('is refused with one sentence that says what to write', async () => {
    const group = await startSentinelGroup(inject('redisBinary'));
    onTestFinished(() => group.stop());
    const [first, second] = group.servers;
    const sentinel = /127\.0\.0\.1:(\d+)/.exec(group.url)?.[1];
    await expect(checkRedis(`redis://127.0.0.1:${sentinel}`)).rejects.toThrow(
      `is a sentinel; set the URL to redis+sentinel://127.0.0.1:${sentinel}/name`,
    );
    await expect(checkRedis(`redis://127.0.0.1:${second?.port}`)).rejects.toThrow(
      `is a replica and takes no writes; set the URL to its master, 127.0.0.1:${first?.port}`,
    );
    await expect(checkRedis(`redis+sentinel://127.0.0.1:${first?.port}/ringpost`)).rejects.toThrow(
      'it is no sentinel; sentinels listen on port 26379',
    );
    await expect(checkRedis(group.url.replace(/ringpost$/, 'other'))).rejects.toThrow(
      'it knows no master other, only ringpost',
    );
    await expect(checkRedis(`redis+cluster://127.0.0.1:${first?.port}/`)).rejects.toThrow(
      'it is no node of a Cluster; a single Redis is written redis://host:6379',
    );
    await expect(checkRedis('redis+sentinel://127.0.0.1:1/ringpost')).rejects.toThrow('No sentinel at');
    const warnings = await checkRedis(group.url, [], 'ringpost', 3000);
    expect(warnings).toEqual([expect.stringContaining('has no min-replicas-to-write')]);
    await first?.redis.config('SET', 'min-replicas-to-write', '1');
    await first?.redis.config('SET', 'min-replicas-max-lag', '10');
    expect(await checkRedis(group.url, [], 'ringpost', 3000)).toEqual([
      expect.stringContaining('min-replicas-max-lag of Redis is 10 s, which is longer than LEASE_MS (3000)'),
    ]);
  }, 60_000);
});
