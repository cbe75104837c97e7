import { expect, it } from 'vitest';
import { HeirStore } from '#shared/store/ring/heir-store.ts';
import { createLogger } from '#shared/process/logger.ts';
import { RingStore } from '#shared/store/ring/ring-store.ts';
import { defaultParameters } from '#shared/ring/strategies.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { placeAll, planReplacement, seedReplicas } from '../../gateway/ring/replica-changes.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const parameters = defaultParameters('assignment');
const token = 'c1#1';

async function startWith(count: number) {
  const { redis, keys } = system();
  const log = createLogger('test', 'silent');
  const connection = new Connection(redis, keys.prefix);
  const store = new RingStore(connection, log);
  await seedReplicas(store, parameters, count);
  await redis.set(keys.leader, token);
  const names = async (): Promise<string[]> => (await store.read()).desired.map(({ name }) => name);
  return { redis, keys, store, heirs: new HeirStore(connection, store, log), names };
}

it('puts a new replica in the place of a dead one, with its own slots and joining number', async () => {
  const { store, heirs, names } = await startWith(56);
  await store.changeRing(token, [{ name: 'S2', generation: 1 }], []);
  expect(await heirs.replace(token, (state) => planReplacement(state, 'S2', 'S7x', parameters))).toBe(true);
  expect((await names()).slice(0, 4)).toEqual(['S1', 'S7x', 'S3', 'S4']);
  const state = await store.read();
  expect(state.desired[1]).toMatchObject({ joined: 57, place: 2, replaces: 'S2' });
  expect([...state.ring.keys()]).toEqual([]);
  expect(state.retired).toEqual(new Map([['S2', expect.any(Number)]]));
  expect(await heirs.read()).toEqual(new Map([['S2', 'S7x']]));
});

it('makes the latest replacement the heir of all before it', async () => {
  const { heirs, names } = await startWith(2);
  for (const [dead, by] of [
    ['S2', 'A1'],
    ['A1', 'A2'],
    ['S1', 'A3'],
  ] as const)
    await heirs.replace(token, (state) => planReplacement(state, dead, by, parameters));
  expect(await names()).toEqual(['A3', 'A2']);
  expect(await heirs.read()).toEqual(
    new Map([
      ['S2', 'A2'],
      ['A1', 'A2'],
      ['S1', 'A3'],
    ]),
  );
});

it('changes nothing for a controller that no longer leads', async () => {
  const { redis, keys, store, heirs } = await startWith(3);
  const before = await store.read();
  const changed = heirs.replace(token, (state) => planReplacement(state, 'S2', 'A1', parameters));
  await redis.set(keys.leader, 'c2#2');
  // The leadership changed before the script ran, or after: never in between.
  if (!(await changed)) expect(await store.read()).toEqual(before);
  const second = await store.read();
  expect(await heirs.replace(token, (state) => planReplacement(state, 'S3', 'A2', parameters))).toBe(false);
  expect(await store.read()).toEqual(second);
});

it('decides again if another change comes first; only one of two controllers replaces', async () => {
  const { store, heirs, names } = await startWith(3);
  let asked = 0;
  const replaced = heirs.replace(token, (state) => {
    asked += 1;
    return planReplacement(state, 'S2', `A${asked}`, parameters);
  });
  const add = store.changeDesired((state) => ({ add: placeAll(state, ['S9'], parameters), remove: [] }), 5);
  const again = heirs.replace(token, (state) => planReplacement(state, 'S2', 'B1', parameters));
  await Promise.all([replaced, add, again]);
  const all = await names();
  expect(all).toHaveLength(4);
  expect(all).toContain('S9');
  expect(all).not.toContain('S2');
  expect([await replaced, await again].filter(Boolean)).toHaveLength(1);
});

it('replaces nothing that was removed meanwhile, and takes no name that is in use', async () => {
  const { store, heirs, names } = await startWith(3);
  await store.changeDesired(() => ({ add: [], remove: ['S2'] }), 5);
  for (const [dead, by] of [
    ['S2', 'A1'],
    ['S1', 'S3'],
    ['S1', 'S2'],
  ] as const)
    expect(await heirs.replace(token, (state) => planReplacement(state, dead, by, parameters))).toBe(false);
  expect(await names()).toEqual(['S1', 'S3']);
});
