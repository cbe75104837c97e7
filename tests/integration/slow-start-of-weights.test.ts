import { describe, expect, it, onTestFinished } from 'vitest';
import type { RingView, SlowStartView } from '#shared/contract/ring-view.ts';
import { sharesOf } from '#shared/ring/shares.ts';
import { add } from '../fixtures/admin-calls.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const scratch = useScratch();
const workers = useWorkers();
const wait = { timeout: 30_000 };
const slowStartMs = 4500;

const sampled = Array.from({ length: 500 }, (_, at) => `key-${at}`);

/** How the ring is after a change: the owner of each key, and the part of its weight that a replica has. */
interface Seen {
  readonly share: number;
  readonly owners: readonly (string | undefined)[];
}

/** Notes the ring after each change from now on, while the replica is in it. */
function watch({ gateway: { watcher } }: RunningGateway, replica: string): readonly Seen[] {
  const seen: Seen[] = [];
  const note = (): void => {
    const { ring } = watcher;
    const member = ring.members.find(({ name }) => name === replica);
    if (member === undefined) return;
    const share = member.share ?? 1;
    if (seen.at(-1)?.share !== share) seen.push({ share, owners: sampled.map((key) => ring.owner(key)) });
  };
  onTestFinished(watcher.onChange(note));
  return seen;
}

/** Expects that each step moves keys to the replica and to no other. */
function expectOnlyTo(replica: string, seen: readonly Seen[]): void {
  for (const [at, { owners }] of seen.entries()) {
    const before = seen[at - 1]?.owners;
    if (before === undefined) continue;
    const moved = owners.filter((owner, key) => owner !== before[key]);
    expect(new Set(moved)).toEqual(new Set([replica]));
  }
}

async function slowStartOf({ adminUrl }: RunningGateway, name: string): Promise<SlowStartView | undefined> {
  const ring = (await (await fetch(`${adminUrl}/-/ring`)).json()) as RingView; // as the route answers
  return ring.replicas.find((replica) => replica.name === name)?.slowStart;
}

const whole = (seen: readonly Seen[]): boolean => seen.at(-1)?.share === 1;

describe('with SLOW_START_MS', () => {
  it('the first replicas begin whole; a new one and a resumed one ramp; a replaced worker moves no key', async () => {
    const current = system();
    const running = await current.start({
      REPLICAS: '2',
      SLOW_START_MS: String(slowStartMs),
      HANDLER: workers.handler,
      LEDGER: workers.ledger(),
    });
    const { watcher } = running.gateway;
    expect(watcher.ring.members.map(({ share }) => share)).toEqual([undefined, undefined]);
    // As if both had served for long.
    await current.redis.del(current.keys.slowStarts);

    const seen = watch(running, 'S9');
    const { version } = watcher.state;
    const began = performance.now();
    expect((await add(running.adminUrl, 1, ['S9'])).status).toBe(200);
    expect(sharesOf(watcher.ring).get('S9')).toBeLessThan(0.12);
    const slow = await slowStartOf(running, 'S9');
    expect(slow?.share).toBe(0.1);
    expect(slow?.reason).toMatch(
      /^It came into the ring a while ago: it has 10 % of its weight, and all of it/,
    );
    await expect.poll(() => whole(seen), wait).toBe(true);
    expect(performance.now() - began).toBeGreaterThan(slowStartMs - 100);
    expect(seen.map(({ share }) => share)).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
    expectOnlyTo('S9', seen);
    expect(watcher.state.version - version).toBeLessThanOrEqual(2 + 9);
    expect(await slowStartOf(running, 'S9')).toBeUndefined();

    const pid = (await leaseOf(current, 'S9'))?.pid ?? 0;
    const owners = sampled.map((key) => watcher.ring.owner(key));
    process.kill(pid, 'SIGKILL');
    await eventually(async () => {
      const lease = await leaseOf(current, 'S9');
      return lease?.state === 'ready' && lease.pid !== pid;
    });
    await watcher.refresh();
    expect(sampled.map((key) => watcher.ring.owner(key))).toEqual(owners);

    const act = (action: string): Promise<Response> =>
      fetch(`${running.adminUrl}/-/api/replicas/S1/${action}`, { method: 'POST' });
    await act('drain');
    await expect.poll(() => watcher.state.ring.has('S1'), wait).toBe(false);
    const again = watch(running, 'S1');
    await act('resume');
    await expect.poll(() => again.length, wait).toBeGreaterThan(1);
    expect(again[0]?.share).toBe(0.1);
    expectOnlyTo('S1', again);
  });

  it('goes on under the next leader if the first one is killed, and moves keys only to the replica', async () => {
    const current = system();
    const { redisUrl: REDIS_URL, namespace: NAMESPACE } = current;
    const leaseMs = '900';
    for (const name of ['S1', 'S2', 'S9']) await workers.start(current, name);
    const common = {
      REPLICAS: '2',
      REPLICA_DRIVER: 'none',
      LEASE_MS: leaseMs,
      SLOW_START_MS: String(slowStartMs),
    };
    const { startReady } = await scratch();
    const first = await startReady({ REDIS_URL, NAMESPACE, ...common });
    const second = await current.start(common);
    await current.redis.del(current.keys.slowStarts);
    await second.gateway.watcher.refresh();
    const seen = watch(second, 'S9');
    await add(first.url, 1, ['S9']);
    await expect.poll(() => seen.length, wait).toBeGreaterThan(2);
    const leader = await current.redis.get(current.keys.leader);
    process.kill(first.pid ?? 0, 'SIGKILL');
    await expect.poll(() => current.redis.get(current.keys.leader), wait).not.toBe(leader);
    await expect.poll(() => whole(seen), wait).toBe(true);
    const shares = seen.map(({ share }) => share);
    expect(shares).toEqual([...new Set(shares)].toSorted((a, b) => a - b));
    expect(shares.length).toBe(10);
    expectOnlyTo('S9', seen);
  });

  it('a garbled slow start is moved aside, and the replica has all of its weight', async () => {
    const current = system();
    const running = await current.start({ REPLICAS: '2', SLOW_START_MS: '60000' });
    const { keys, redis } = current;
    await redis.hset(keys.slowStarts, 'S1', 'garbled', 'not a name', '4 1 2', 'S7', '4 1 2');
    await running.gateway.watcher.refresh();
    expect(running.gateway.watcher.ring.members.map(({ share }) => share)).toEqual([undefined, undefined]);
    await expect.poll(() => redis.hkeys(keys.slowStarts), wait).toEqual(['S2', 'S7']);
  });
});
