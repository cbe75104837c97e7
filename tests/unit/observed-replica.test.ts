import { expect, it } from 'vitest';
import {
  hasHeir,
  instancesOf,
  isGone,
  isPausedWithHeir,
  ownLease,
  withRestarts,
} from '../../gateway/controller/observed-replica.ts';
import { desired, lease, observed } from '../fixtures/plan-world.ts';

const instance = (name: string, generation: number) => ({ name, generation, id: name, outdated: false });

it('the lease of an adopter is not that of the own worker', () => {
  const leases = new Map([
    ['S1', lease(1)],
    ['S2', { ...lease(0, 'adopted'), adopter: 'S1#1' }],
  ]);
  const world = observed({ leases });
  expect(['S1', 'S2', 'S3'].map((name) => ownLease(name, world)?.generation)).toEqual([
    1,
    undefined,
    undefined,
  ]);
});

it('a replica is gone once there is no lease, no worker and none that starts or waits', () => {
  expect(isGone('S1', observed({}))).toBe(true);
  expect(isGone('S1', observed({ leases: new Map([['S1', lease(1)]]) }))).toBe(false);
  expect(isGone('S1', observed({ standbys: new Map([['S1', 2]]) }))).toBe(false);
  expect(isGone('S1', observed({ starting: new Set(['S1']) }))).toBe(false);
  expect(isGone('S1', observed({ instances: [instance('S1', 1)] }))).toBe(false);
  expect(isGone('S1', observed({ instances: [instance('S2', 1)] }))).toBe(true);
  expect(instancesOf('S2', observed({ instances: [instance('S1', 1)] }))).toEqual([]);
});

it('a retired replica has an heir while that is desired, and stays paused while that is paused', () => {
  const world = observed({
    heirs: new Map([['S1', 'S2']]),
    retired: new Map([['S1', 0]]),
    desired: desired('S2'),
  });
  expect(hasHeir('S1', world)).toBe(true);
  expect(hasHeir('S2', world)).toBe(false);
  expect(hasHeir('S1', { ...world, retired: new Map() })).toBe(false);
  expect(hasHeir('S1', { ...world, desired: desired('S3') })).toBe(false);
  expect(isPausedWithHeir('S1', world)).toBe(false);
  expect(isPausedWithHeir('S1', { ...world, paused: new Set(['S2']) })).toBe(true);
  expect(isPausedWithHeir('S2', { ...world, paused: new Set(['']) })).toBe(false);
});

it('workers up to the generation that is to be restarted are outdated', () => {
  const workers = [instance('S1', 1), instance('S1', 2), instance('S1', 3), instance('S2', 0)];
  const restarts = new Map([['S1', { generation: 2, rolling: false }]]);
  expect(withRestarts(workers, restarts).map(({ outdated }) => outdated)).toEqual([true, true, false, false]);
  expect(withRestarts(workers, new Map())).toBe(workers);
});
