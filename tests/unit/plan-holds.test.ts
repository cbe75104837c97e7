import { describe, expect, it } from 'vitest';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Observed } from '../../gateway/controller/observe.ts';
import { withRestarts } from '../../gateway/controller/observed-replica.ts';
import { plan } from '../../gateway/controller/plan.ts';
import type { Memory } from '../../gateway/controller/plan.ts';
import { renderStep } from '../../gateway/controller/step.ts';
import { desired, lease, observed, settings } from '../fixtures/plan-world.ts';

const names = ['S1', 'S2', 'S3'];
const instance = (name: string, generation = 1): Observed['instances'][number] => ({
  name,
  generation,
  id: `${name}#${generation}`,
  outdated: false,
});

/** Three replicas that are ready and in the ring, besides the given parts. */
function world(parts: Partial<Observed> = {}): Observed {
  return observed({
    desired: desired(...names),
    leases: new Map(names.map((name) => [name, lease(1)])),
    ring: new Map(names.map((name) => [name, 1])),
    instances: names.map((name) => instance(name)),
    ...parts,
  });
}

const without = <Value>(map: ReadonlyMap<string, Value>, name: string): Map<string, Value> =>
  new Map([...map].filter(([each]) => each !== name));

function stepsFor(state: Observed, memory: Memory = new Map(), now = 10_000): string[] {
  const seen = { ...state, instances: withRestarts(state.instances, state.restarts) };
  return plan(seen, memory, new Map(), settings, now).steps.map(renderStep);
}

const lost: ReplicaStatus = { state: 'lost', since: 0, lostAt: 0, generation: 1, failures: 1 };

describe('a drained replica', () => {
  const drained = new Map([['S2', 5]]);

  it('leaves the ring while its worker stays', () => {
    expect(stepsFor(world({ drained }))).toEqual(['evict S2: an operator drains it']);
  });

  it('is not admitted again, also if its worker is a new one', () => {
    const { ring, leases } = world();
    expect(stepsFor(world({ drained, ring: without(ring, 'S2') }))).toEqual([]);
    const again = new Map(leases).set('S2', lease(2));
    const instances = [instance('S1'), instance('S2', 2), instance('S3')];
    expect(stepsFor(world({ drained, ring: without(ring, 'S2'), leases: again, instances }))).toEqual([]);
  });

  it('is admitted after it was resumed', () => {
    const { ring } = world();
    expect(stepsFor(world({ ring: without(ring, 'S2') }))).toEqual(['admit S2#1: it is ready']);
  });

  it('gets a new worker if its worker dies, and others adopt what it holds', () => {
    const { ring, leases, instances } = world();
    const dead = world({
      drained,
      ring: without(ring, 'S2'),
      leases: without(leases, 'S2'),
      instances: instances.filter(({ name }) => name !== 'S2'),
      backlog: new Map([['S2', 3]]),
    });
    expect(stepsFor(dead)).toEqual([
      'start S2: no worker runs',
      'offer S2: nobody serves the 3 jobs it holds',
    ]);
  });
});

describe('a paused replica', () => {
  const paused = new Set(['S2']);

  it('stays in the ring, and its worker is left alone', () => {
    expect(stepsFor(world({ paused }))).toEqual([]);
  });

  it('keeps its keys however long it is lost, and is not offered for adoption', () => {
    const { leases } = world();
    const dead = world({
      paused,
      leases: without(leases, 'S2'),
      instances: [instance('S1'), instance('S3')],
      backlog: new Map([['S2', 3]]),
    });
    const memory = new Map([['S2', lost]]);
    expect(stepsFor(dead, memory, 100_000)).toEqual(['start S2: no worker runs']);
    expect(stepsFor({ ...dead, ring: without(dead.ring, 'S2') }, memory, 100_000)).toEqual([
      'start S2: no worker runs',
    ]);
    expect(stepsFor({ ...dead, paused: new Set() }, memory, 100_000)).toContain(
      'evict S2: not ready for more than 2000 ms',
    );
  });

  it('is no longer offered once it is paused', () => {
    const { leases, ring } = world();
    const offered = world({
      paused,
      ring: without(ring, 'S2'),
      leases: new Map(leases).set('S2', { ...lease(0, 'adopted'), adopter: 'S1#1' }),
      backlog: new Map([['S2', 3]]),
      offered: new Set(['S2']),
    });
    expect(stepsFor(offered)).toContain('withdraw S2: it is paused');
  });

  it('is resumed when it is removed, unless its heir is paused', () => {
    const removed = (parts: Partial<Observed>): string[] =>
      stepsFor(
        world({ desired: desired('S1', 'S3'), retired: new Map([['S2', 9000]]), paused, ...parts }),
      ).filter((step) => step.startsWith('resume'));
    expect(removed({})).toEqual(['resume S2: it is removed, and finishes what it holds']);
    const heirs = new Map([['S2', 'S3']]);
    expect(removed({ heirs })).toHaveLength(1);
    expect(removed({ heirs, paused: new Set(['S2', 'S3']) })).toEqual([]);
  });
});

describe('a restart', () => {
  const one = (rolling: boolean): Observed['restarts'] => new Map([['S2', { generation: 1, rolling }]]);
  const all: Observed['restarts'] = new Map(names.map((name) => [name, { generation: 1, rolling: true }]));
  const newer = (...added: string[]): Observed['instances'] => [
    ...names.map((name) => instance(name)),
    ...added.map((name) => instance(name, 2)),
  ];

  it('starts a new worker beside the old one, and tells the old one to go once that one waits', () => {
    expect(stepsFor(world({ restarts: one(false) }))).toEqual(['standby S2: an operator restarts it']);
    const coming = { restarts: one(false), instances: newer('S2') };
    expect(stepsFor(world(coming))).toEqual([]);
    expect(stepsFor(world({ ...coming, standbys: new Map([['S2', 2]]) }))).toEqual([
      'retire S2#1: an operator restarts it',
    ]);
  });

  it('of all replaces one after the other', () => {
    expect(stepsFor(world({ restarts: all }))).toEqual(['standby S1: an operator restarts it']);
    const { leases, ring } = world();
    const first = world({
      restarts: without(all, 'S1'),
      leases: new Map(leases).set('S1', lease(2)),
      ring: new Map(ring).set('S1', 2),
      instances: [instance('S1', 2), instance('S2'), instance('S3')],
    });
    expect(stepsFor(first)).toEqual(['standby S2: an operator restarts it']);
  });

  it('of one replica does not wait for another one that is lost; a restart of all does', () => {
    const { leases, instances, ring } = world();
    const broken = (restarts: Observed['restarts']): string[] => {
      const state = world({
        restarts,
        leases: without(leases, 'S3'),
        ring: without(ring, 'S3'),
        instances: instances.filter(({ name }) => name !== 'S3'),
      });
      return stepsFor(state, new Map([['S3', { ...lost, since: 10_000, failures: 9 }]]));
    };
    expect(broken(one(false))).toEqual(['standby S2: an operator restarts it']);
    expect(broken(one(true))).toEqual([]);
    expect(broken(all)).toEqual(['restarted S3: its worker is gone']);
  });

  it('ends when the new worker is ready, and not before', () => {
    const { leases } = world();
    const after = (state: 'starting' | 'ready'): string[] =>
      stepsFor(
        world({
          restarts: one(false),
          leases: new Map(leases).set('S2', lease(2, state)),
          instances: [instance('S1'), instance('S2', 2), instance('S3')],
        }),
      ).filter((step) => step.startsWith('restarted'));
    expect(after('starting')).toEqual([]);
    expect(after('ready')).toEqual(['restarted S2: its new worker is ready']);
  });

  it('ends at once if no worker is there, since the next one is a new one', () => {
    const { leases, instances } = world();
    const dead = world({
      restarts: one(false),
      leases: without(leases, 'S2'),
      instances: instances.filter(({ name }) => name !== 'S2'),
    });
    expect(stepsFor(dead)).toEqual(['start S2: no worker runs', 'restarted S2: its worker is gone']);
  });

  it('that is resumed ends the new worker, and keeps the old one', () => {
    expect(stepsFor(world({ instances: newer('S2'), standbys: new Map([['S2', 2]]) }))).toEqual([
      'kill S2#2: generation 1 holds the lease',
    ]);
  });
});

it('a worker that is to move to another node is replaced in the same way, with the reason of its driver', () => {
  const cause = 'it moves to another node: node1 runs 3, node2 runs 0';
  const moving = names.map((name) =>
    name === 'S3' ? { ...instance(name), outdated: true, cause } : instance(name),
  );
  expect(stepsFor(world({ instances: moving }))).toEqual([`standby S3: ${cause}`]);
  const coming = world({ instances: [...moving, instance('S3', 2)], standbys: new Map([['S3', 2]]) });
  expect(stepsFor(coming)).toEqual([`retire S3#1: ${cause}`]);
});
