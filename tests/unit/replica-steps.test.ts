import { describe, expect, it } from 'vitest';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Observed } from '../../gateway/controller/observe.ts';
import {
  restartSteps,
  ringSteps,
  rolloutSteps,
  workerSteps,
} from '../../gateway/controller/replica-steps.ts';
import { beginning, shareSteps } from '../../gateway/controller/slow-start.ts';
import { renderStep } from '../../gateway/controller/step.ts';
import type { Step } from '../../gateway/controller/step.ts';
import { desired, lease, observed } from '../fixtures/plan-world.ts';

const now = 100_000;
const status = (state: ReplicaStatus['state'], generation = 1): ReplicaStatus => ({
  state,
  since: 0,
  generation,
  failures: 0,
});
const instance = (generation: number, outdated = false): Observed['instances'][number] => ({
  name: 'S1',
  generation,
  id: String(generation),
  outdated,
});
const lines = (steps: readonly Step[]): string[] => steps.map(renderStep);
const inRing = { ring: new Map([['S1', 1]]), leases: new Map([['S1', lease(1)]]) };

it('a worker that waits for the lease is not killed with the one that lost it', () => {
  const world = observed({ instances: [instance(1), instance(2)], standbys: new Map([['S1', 2]]) });
  expect(lines(workerSteps('S1', status('lost'), world, now))).toEqual(['kill S1#1: no worker runs']);
});

describe('a rollout', () => {
  const world = observed({ ...inRing, desired: desired('S1'), instances: [instance(1, true), instance(2)] });

  it('starts no second worker while the first one comes up', () => {
    expect(rolloutSteps(world, new Map([['S1', status('ready')]]), 2)).toEqual([]);
  });

  it('waits for replicas of which nothing is known', () => {
    expect(rolloutSteps(world, new Map(), 2)).toEqual([]);
    const both = { ...world, desired: desired('S1', 'S2'), instances: [instance(1, true)] };
    expect(rolloutSteps(both, new Map([['S1', status('ready')]]), 2)).toEqual([]);
  });
});

describe('the wish to restart a replica', () => {
  const restarts = new Map([['S1', { generation: 1, rolling: false }]]);

  it.each([
    [status('ready', 1), {}, []],
    [status('starting', 2), {}, []],
    [status('lost', 2), { instances: [instance(2)] }, []],
    [status('ready', 2), { instances: [instance(2)] }, ['restarted S1: its new worker is ready']],
    [status('lost', 1), {}, ['restarted S1: its worker is gone']],
  ] as const)('with %j and %j gives %j', (own, parts, expected) => {
    expect(lines(restartSteps('S1', own, observed({ ...parts, restarts })))).toEqual(expected);
  });
});

describe('a replica that is admitted', () => {
  const world = observed({
    desired: desired('S1', 'S2'),
    ring: new Map([['S2', 1]]),
    leases: new Map([['S1', lease(1)]]),
  });
  const admitted = (parts: Partial<Observed>, slowStartMs: number): Step[] =>
    ringSteps('S1', status('ready'), { ...world, ...parts }, { failoverMs: 2000, slowStartMs }, now);
  const slowStart = { tenths: 1, since: now, endsAt: now + 1000 };

  it('begins with a tenth of its weight, and says so', () => {
    expect(admitted({}, 1000)).toStrictEqual([
      {
        do: 'admit',
        name: 'S1',
        generation: 1,
        slowStart,
        cause: 'it is ready, and begins with a tenth of its weight',
      },
    ]);
  });

  it('has all of its weight if there is no slow start', () => {
    expect(admitted({}, 0)).toStrictEqual([{ do: 'admit', name: 'S1', generation: 1, cause: 'it is ready' }]);
  });

  it('keeps the part that it has if it is in the ring with an older worker', () => {
    const older = { ring: new Map([['S1', 0]]), slowStarts: new Map([['S1', slowStart]]) };
    expect(admitted(older, 1000)).toStrictEqual([
      { do: 'admit', name: 'S1', generation: 1, slowStart, cause: 'it is ready' },
    ]);
  });
});

describe('a replica in the ring', () => {
  const began = (tenths: number) => ({ tenths, since: 0, endsAt: 9000 });
  const world = (tenths: number, parts: Partial<Observed> = {}): Observed =>
    observed({ ...inRing, slowStarts: new Map([['S1', began(tenths)]]), ...parts });
  const shares = (of: Observed, slowStartMs?: number): Step[] =>
    shareSteps('S1', status('ready'), of, slowStartMs === undefined ? {} : { slowStartMs }, now);

  it('begins anew, or goes on, with each worker', () => {
    expect(beginning('S1', world(3), 0, now)).toEqual(began(3));
    expect(beginning('S1', world(10), 0, now)).toBeUndefined();
    expect(beginning('S1', world(10), 9000, now)).toEqual({ tenths: 10, since: now, endsAt: now });
  });

  it('has all of its weight once its slow start is over, or off', () => {
    expect(shares(world(9), 9000)).toStrictEqual([
      { do: 'share', name: 'S1', slowStart: undefined, cause: 'slow start over 9000 ms' },
    ]);
    expect(shares(world(3))).toStrictEqual([
      { do: 'share', name: 'S1', slowStart: undefined, cause: 'slow start is off' },
    ]);
  });

  it('has no step left with all of its weight, nor outside the ring', () => {
    expect(shares(world(10), 9000)).toEqual([]);
    expect(shares(world(10))).toEqual([]);
    expect(shares(world(3, { ring: new Map() }))).toEqual([]);
  });
});
