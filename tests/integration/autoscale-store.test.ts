import { expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { defaultParameters } from '#shared/ring/strategies.ts';
import { AutoscaleStore } from '#shared/store/ring/autoscale-store.ts';
import { LeaderLease } from '#shared/store/ring/leader-lease.ts';
import { RingStore } from '#shared/store/ring/ring-store.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import { placeAll, seedReplicas } from '../../gateway/ring/replica-changes.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const parameters = defaultParameters('murmur3');
const log = createLogger('test', 'silent');
const range = { min: 2, max: 20 };

/** Seeds two replicas, and lets a controller lead. */
async function begin(): Promise<{ store: RingStore; autoscale: AutoscaleStore; token: string }> {
  const { connection } = system();
  const store = new RingStore(connection, log);
  await seedReplicas(store, parameters, 2);
  const token = await new LeaderLease(connection, log).take('c', 60_000);
  return { store, autoscale: new AutoscaleStore(connection, log), token: token ?? '' };
}

const adding = (state: RingState, ...names: string[]) => ({
  add: placeAll(state, names, parameters),
  remove: [],
});
const noted = { at: 7, direction: 'up', names: ['S3'], reason: 'it is needed' } as const;

it('a change by autoscaling is made for one version of the ring', async () => {
  const { store, autoscale, token } = await begin();
  await autoscale.publish(token, range);
  const before = await store.read();
  await store.changeDesired((state) => adding(state, 'S9'));
  expect(await autoscale.scale(token, before, adding(before, 'S3'), noted)).toBe('outdated');
  const now = await store.read();
  expect(await autoscale.scale(token, now, adding(now, 'S3'), noted)).toBe('changed');
  expect((await store.read()).desired.map(({ name }) => name)).toEqual(['S1', 'S2', 'S9', 'S3']);
  expect(await autoscale.read()).toMatchObject({ change: noted, enabled: true, range });
});

it('a change by an operator stops autoscaling in the same step', async () => {
  const { store, autoscale, token } = await begin();
  await autoscale.publish(token, range);
  await store.changeDesired((state) => ({ ...adding(state, 'S9'), by: 'add' }), 1234.5);
  expect(await autoscale.read()).toMatchObject({ enabled: false, stopped: { by: 'add', at: 1235 } });
  const now = await store.read();
  expect(await autoscale.scale(token, now, adding(now, 'S3'), noted)).toBe('refused');
  await store.changeDesired(() => ({ add: [], remove: ['S9'], by: 'rm' }), 2000);
  expect(await autoscale.read()).toMatchObject({ enabled: false, stopped: { by: 'rm', at: 2000 } });
  expect(await autoscale.setStopped(undefined)).toBe(true);
  const later = await store.read();
  expect(await autoscale.scale(token, later, adding(later, 'S3'), noted)).toBe('changed');
  expect(await autoscale.setStopped({ by: 'operator', at: 5 })).toBe(true);
  expect(await autoscale.read()).toMatchObject({ enabled: false, stopped: { by: 'operator', at: 5 } });
});

it('a controller that leads no longer changes nothing', async () => {
  const { store, autoscale, token } = await begin();
  const state = await store.read();
  const decision = { at: 1, wanted: 2, replicas: 2, reason: 'x', hot: [] };
  expect(await autoscale.publish('other#1', range)).toBe(false);
  expect(await autoscale.decided('other#1', decision)).toBe(false);
  expect(await autoscale.scale('other#1', state, adding(state, 'S3'), noted)).toBe('refused');
  expect(await system().redis.exists(system().keys.autoscale)).toBe(0);
  await autoscale.publish(token, range);
  expect(await autoscale.forget('other#1')).toBe(false);
  expect((await store.read()).version).toBe(state.version);
});

it('without AUTOSCALE nothing is written, and nothing can be stopped', async () => {
  const { store, autoscale, token } = await begin();
  await store.changeDesired((state) => ({ ...adding(state, 'S9'), by: 'add' }));
  expect(await autoscale.setStopped({ by: 'operator', at: 5 })).toBe(false);
  expect(await autoscale.read()).toMatchObject({ configured: false, enabled: false, stopped: null });
  expect(await system().redis.exists(system().keys.autoscale)).toBe(0);
  await autoscale.publish(token, range);
  expect(await autoscale.forget(token)).toBe(true);
  expect(await system().redis.exists(system().keys.autoscale)).toBe(0);
});

it('a leading controller without AUTOSCALE keeps the stop of an operator, for one that has it', async () => {
  const { store, autoscale, token } = await begin();
  await autoscale.publish(token, range);
  await autoscale.setStopped({ by: 'operator', at: 5 });
  await autoscale.decided(token, { at: 1, wanted: 2, replicas: 2, reason: 'x', hot: [] });
  expect(await autoscale.forget(token)).toBe(true);
  const stopped = { by: 'operator', at: 5 };
  const nothing = { configured: false, range: null, decision: null, change: null };
  expect(await autoscale.read()).toEqual({ ...nothing, enabled: false, stopped });
  await autoscale.publish(token, range);
  expect(await autoscale.read()).toMatchObject({ configured: true, enabled: false, stopped });
  const state = await store.read();
  expect(await autoscale.scale(token, state, adding(state, 'S3'), noted)).toBe('refused');
});

it('what cannot be read is left out, and a stop that cannot be read is a stop', async () => {
  const { autoscale, token } = await begin();
  await autoscale.publish(token, range);
  await system().redis.hset(system().keys.autoscale, { stopped: '?', decision: '{"at":-1}', change: '[]' });
  expect(await autoscale.read()).toEqual({
    configured: true,
    enabled: false,
    range,
    stopped: { by: 'operator', at: 0 },
    decision: null,
    change: null,
  });
  await system().redis.del(system().keys.autoscale);
  await system().redis.set(system().keys.autoscale, 'garbage');
  expect(await autoscale.read()).toMatchObject({ configured: false });
});
