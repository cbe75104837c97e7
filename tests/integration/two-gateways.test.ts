import { describe, expect, it, vi } from 'vitest';
import { RingMismatchError } from '#shared/store/ring/ring-store.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import { add, call, remove, replicasOf, ringOf } from '../fixtures/admin-calls.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';

const system = useSystem();

/** Starts a gateway with a controller and one without. Replicas are ready as soon as they are desired. */
async function startTwoLeased(env: NodeJS.ProcessEnv = {}): Promise<[RunningGateway, RunningGateway]> {
  await leaseReplicas(system());
  const one = await system().start({ REPLICA_DRIVER: 'none', ...env });
  return [one, await system().start({ ROLE: 'gateway', ...env })];
}

const inRing = ({ gateway }: RunningGateway): string[] =>
  gateway.watcher.ring.members.map(({ name }) => name);
const ascending = (a: number, b: number): number => a - b;
const rep = async ({ url }: RunningGateway): Promise<string> => (await call('GET', `${url}/rep`)).text;

/** @returns which replica answers a request with this key at this gateway. */
async function answerer({ url }: RunningGateway, key: string): Promise<string | undefined> {
  const { status, headers } = await call('GET', `${url}/home`, { headers: { 'ringpost-key': key } });
  expect(status).toBe(200);
  return headers['ringpost-replica']?.toString();
}

describe('two gateways on one Redis', () => {
  it('route every key to the same replica, also right after one of them added a replica', async () => {
    const one = await system().start({ REPLICAS: '2' });
    const two = await system().start({ ROLE: 'gateway' });
    const added = replicasOf(await add(one.url, 1, ['S9']));
    expect(await two.gateway.watcher.until(({ ring }) => ring.has('S9'), 1000)).toBe(true);
    expect(inRing(two)).toEqual(added);
    const keys = Array.from({ length: 5000 }, (_, at) => `user:${at}`);
    const owners = keys.map((key) => one.gateway.watcher.ring.owner(key));
    expect(keys.map((key) => two.gateway.watcher.ring.owner(key))).toEqual(owners);
    expect(new Set(owners)).toEqual(new Set(added));
    const some = keys.slice(0, 200);
    for (const each of [one, two]) {
      expect(await Promise.all(some.map((key) => answerer(each, key)))).toEqual(owners.slice(0, 200));
    }
    expect(await rep(two)).toBe(await rep(one));
  });

  it('both apply a removal at one of them within a second', async () => {
    const [one, two] = await startTwoLeased();
    const left = replicasOf(await remove(two.url, 1, ['S2']));
    expect(inRing(two)).toEqual(left);
    expect(await one.gateway.watcher.until(({ ring }) => !ring.has('S2'), 1000)).toBe(true);
    expect(inRing(one)).toEqual(left);
    expect(await rep(one)).toBe(await rep(two));
  });

  it('find a change within a second even if its notification is lost', async () => {
    const [one, two] = await startTwoLeased();
    const { redis, keys } = system();
    await redis.multi().hdel(keys.desired, 'S2').hdel(keys.ring, 'S2').incr(keys.version).exec();
    for (const each of [one, two]) {
      expect(await each.gateway.watcher.until(({ ring }) => !ring.has('S2'), 1000)).toBe(true);
    }
  });
});

describe('concurrent changes at two gateways', () => {
  /** Collects all states that the gateways see. */
  function watchAll(gateways: readonly RunningGateway[]): RingState[] {
    const states: RingState[] = [];
    for (const { gateway } of gateways) gateway.watcher.onChange(() => states.push(gateway.watcher.state));
    return states;
  }

  it('are serialised: each is made entirely, the sum is exact, no name occurs twice', async () => {
    const both = await startTwoLeased({ REPLICAS: '0' });
    const states = watchAll(both);
    const batches = Array.from({ length: 16 }, (_, at) => [0, 1, 2].map((each) => `b${at}-${each}`));
    const at = (index: number): string => both[index % 2 === 0 ? 0 : 1].url;
    const answers = await Promise.all(batches.map((batch, index) => add(at(index), 3, batch)));
    for (const [index, answer] of answers.entries()) {
      expect(replicasOf(answer)).toEqual(expect.arrayContaining(batches[index] ?? []));
    }
    expect(inRing(both[0])).toHaveLength(48);

    const changes = batches.map((batch, index) => async () => {
      if (index % 4 === 3) replicasOf(await add(at(index), 2));
      else replicasOf(await remove(at(index + 1), 3, batch));
    });
    await Promise.all(changes.map((change) => change()));

    const { desired } = await ringOf(system());
    expect(desired).toHaveLength(48 - 12 * 3 + 4 * 2);
    for (const state of [...states, await ringOf(system())]) {
      const names = state.desired.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const batch of batches) {
        expect([0, 3]).toContain(batch.filter((name) => names.includes(name)).length);
      }
    }
    expect(await rep(both[1])).toBe(await rep(both[0]));
    expect(new Set(desired.map(({ joined }) => joined)).size).toBe(desired.length);
  });

  it('remove as many random replicas as requested in total, and refuse more', async () => {
    const both = await startTwoLeased({ REPLICAS: '21' });
    const answers = await Promise.all([0, 1, 0, 1, 0, 1].map((at) => remove(both[at === 0 ? 0 : 1].url, 4)));
    expect(answers.map(({ status }) => status).toSorted(ascending)).toEqual([200, 200, 200, 200, 200, 400]);
    const { desired, retired } = await ringOf(system());
    expect([desired.length, retired.size]).toEqual([1, 20]);
  });

  it('give a name that both request to only one of them', async () => {
    const both = await startTwoLeased();
    const answers = await Promise.all(
      [0, 1, 2, 3].map((at) => add(both[at % 2 === 0 ? 0 : 1].url, 2, ['S9'])),
    );
    expect(answers.map(({ status }) => status).toSorted(ascending)).toEqual([200, 400, 400, 400]);
    expect(JSON.parse(await rep(both[0]))).toMatchObject({ message: { N: 5 } });
  });

  it('stop at MAX_REPLICAS, however many calls run at once', async () => {
    const both = await startTwoLeased({ MAX_REPLICAS: '10' });
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, at) => add(both[at % 2 === 0 ? 0 : 1].url, 2)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    expect((await ringOf(system())).desired).toHaveLength(9);
  });
});

describe('a gateway with another ring', () => {
  const murmur3 = {};
  const assignment = { RING: 'assignment' };

  it.each([
    ['strategy', murmur3, assignment, 'strategy: assignment here, murmur3 in Redis'],
    ['strategy', assignment, murmur3, 'strategy: murmur3 here, assignment in Redis'],
    ['virtual nodes', murmur3, { RING_VIRTUAL_NODES: '100' }, 'virtualNodes: 100 here, 160 in Redis'],
    [
      'virtual nodes and probing',
      assignment,
      { ...assignment, RING_VIRTUAL_NODES: '3', RING_PROBING: 'quadratic' },
      'virtualNodes: 3 here, 9 in Redis; probing: quadratic here, linear in Redis',
    ],
  ])('refuses to start and names the difference: %s', async (_, first, second, difference) => {
    const { gateway } = await system().start({ ROLE: 'gateway', ...first });
    const starting = system().start({ ROLE: 'gateway', ...second });
    await expect(starting).rejects.toThrow(RingMismatchError);
    await expect(starting).rejects.toThrow(`is not the one in Redis (${difference}). Use the same settings`);
    expect(gateway.watcher.stale).toBe(false);
  });
});

describe('two controllers', () => {
  it('take turns: when the leader stops, the other one starts the replicas again', async () => {
    const { redis, keys } = system();
    const one = await system().start({ REPLICAS: '2' });
    const leader = await redis.get(keys.leader);
    const two = await system().start({ REPLICAS: '2' });
    expect(await redis.get(keys.leader)).toBe(leader);
    const before = await ringOf(system());

    await one.stop();
    await vi.waitFor(
      async () => {
        const generations = [...(await ringOf(system())).ring];
        expect(generations.map(([name]) => name).toSorted()).toEqual(['S1', 'S2']);
        for (const [name, generation] of generations) {
          expect(generation).toBeGreaterThan(before.ring.get(name) ?? Number.POSITIVE_INFINITY);
        }
      },
      { interval: 20, timeout: 10_000 },
    );
    expect(await redis.get(keys.leader)).not.toBe(leader);
    expect((await ringOf(system())).desired).toEqual(before.desired);
    for (let at = 0; at < 20; at += 1) {
      expect(await answerer(two, `key-${at}`)).toBe(two.gateway.watcher.ring.owner(`key-${at}`));
    }
    expect(replicasOf(await add(two.url, 1, ['S3']))).toEqual(['S1', 'S2', 'S3']);
  });

  it('carry out a change made at any gateway after a takeover', async () => {
    await leaseReplicas(system());
    const one = await system().start({ REPLICA_DRIVER: 'none', REPLICAS: '1' });
    const two = await system().start({ REPLICA_DRIVER: 'none', REPLICAS: '5' });
    const three = await system().start({ ROLE: 'gateway' });
    await one.stop();
    expect(replicasOf(await add(three.url, 2, ['S8', 'S9']))).toEqual(['S1', 'S8', 'S9']);
    expect(replicasOf(await remove(two.url, 2, ['S1', 'S8']))).toEqual(['S9']);
  });
});
