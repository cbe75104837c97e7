import { describe, expect, it, vi } from 'vitest';
import { fulfils, isConstraint } from '../../gateway/swarm/constraints.ts';
import { LostNodes } from '../../gateway/swarm/lost-nodes.ts';
import { nextMove } from '../../gateway/swarm/placement.ts';
import type { PlacedReplica } from '../../gateway/swarm/placement.ts';
import { Places } from '../../gateway/swarm/places.ts';
import type { SwarmNode, SwarmTask } from '../../gateway/swarm/swarm-objects.ts';
import { workersIn } from '../../gateway/swarm/swarm-workers.ts';
import type { SwarmWorker } from '../../gateway/swarm/swarm-workers.ts';

function node(id: string, more: Partial<SwarmNode['Spec']> & { state?: string } = {}): SwarmNode {
  const { state = 'ready', ...spec } = more;
  return {
    ID: id,
    Spec: { Role: 'worker', Availability: 'active', ...spec },
    Description: { Hostname: `host-${id}`, Platform: { OS: 'linux' } },
    Status: { State: state },
  };
}

function task(id: string, replica: string, nodeId: string, state = 'running', generation = 1): SwarmTask {
  return {
    ID: `task-${id}`,
    ServiceID: id,
    NodeID: nodeId,
    CreatedAt: '2026-11-30T19:00:00Z',
    Spec: {
      ContainerSpec: {
        Image: 'sha256:1',
        Labels: { 'ringpost.replica': replica, 'ringpost.generation': String(generation) },
      },
    },
    DesiredState: 'running',
    Status: { State: state },
  };
}

/** @param placed nodes by replica, or by `replica#generation`. */
function tasksOf(placed: Readonly<Record<string, string>>): SwarmTask[] {
  return Object.entries(placed).map(([key, nodeId]) => {
    const [name = '', generation = '1'] = key.split('#');
    return task(key, name, nodeId, 'running', Number(generation));
  });
}

const nodes = ['a', 'b', 'c'].map((id) => node(id));

function workersOf(tasks: readonly SwarmTask[], all = nodes): SwarmWorker[] {
  return [...workersIn({ services: [], tasks, nodes: all }, 'ringpost-worker').values()];
}

/** Places that have seen what runs, with the nodes ready for long enough. */
function placesWith(
  placed: Readonly<Record<string, string>>,
  { constraints = [], all = nodes }: { constraints?: readonly string[]; all?: readonly SwarmNode[] } = {},
): { places: Places; see: (next: Readonly<Record<string, string>>) => void } {
  const places = new Places(constraints, true);
  const see = (next: Readonly<Record<string, string>>): void => {
    const tasks = tasksOf(next);
    places.observe({ services: [], tasks, nodes: all }, workersOf(tasks, [...all]));
  };
  see(placed);
  return { places, see };
}

const constraintsOf = (places: Places, name: string, generation = 2): string[][] =>
  [...places.attempts(name, generation)].map(({ constraints }) => [...constraints]);
const firstOf = (places: Places, name: string, generation = 2): readonly string[] => {
  for (const { constraints } of places.attempts(name, generation)) return constraints;
  return [];
};

describe('a worker is placed', () => {
  it('on the node with the fewest replicas, whatever an older worker of its replica has', () => {
    const { places } = placesWith({ S1: 'a', S2: 'b', S3: 'b' });
    expect(firstOf(places, 'S4')).toEqual(['node.id==c']);
    expect(firstOf(placesWith({ S1: 'a', S2: 'b', S3: 'c' }).places, 'S1')).toEqual(['node.id==a']);
  });

  it('away from where others are being started', () => {
    const { places } = placesWith({});
    expect(['S1', 'S2', 'S3', 'S4'].map((name) => firstOf(places, name)[0])).toEqual([
      'node.id==a',
      'node.id==b',
      'node.id==c',
      'node.id==a',
    ]);
    places.settle('S2', 2);
    expect(firstOf(places, 'S5')).toEqual(['node.id==b']);
  });

  it('away from a node that was just lost, unless Swarm has no other', () => {
    const { places } = placesWith({ S1: 'a', S2: 'b', S3: 'b', S4: 'b' });
    places.lost('c');
    expect(constraintsOf(places, 'S5')).toEqual([['node.id==a'], ['node.id!=c'], []]);
    const { places: alone } = placesWith({}, { all: [node('a')] });
    alone.lost('a');
    expect(constraintsOf(alone, 'S1')).toEqual([[]]);
  });

  it('only on nodes that are ready and active and fulfil the constraints', () => {
    const all = [
      node('a', { state: 'down' }),
      node('b', { Availability: 'drain' }),
      node('c', { Role: 'manager' }),
      node('d'),
    ];
    const { places } = placesWith({ S1: 'd', S2: 'd' }, { all, constraints: ['node.role==worker'] });
    expect(constraintsOf(places, 'S3')).toEqual([['node.role==worker', 'node.id==d'], ['node.role==worker']]);
  });
});

describe('a replica moves', () => {
  const replicas = (placed: Readonly<Record<string, string>>): PlacedReplica[] => workersOf(tasksOf(placed));

  it('if the fullest node has two replicas more than the emptiest, and says why', () => {
    expect(nextMove(replicas({ S1: 'a', S2: 'a', S3: 'b' }), nodes, nodes)).toEqual({
      id: 'S1',
      cause: 'it moves to another node: host-a runs 2, host-c runs 0',
    });
    expect(nextMove(replicas({ S1: 'a', S2: 'b' }), nodes, nodes)).toBeUndefined();
    expect(nextMove(replicas({ S1: 'a', S2: 'a', S3: 'b' }), nodes, nodes.slice(0, 2))).toBeUndefined();
  });

  it('to a node that has been there for a while, and goes on until its old worker has ended', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const before = { S1: 'a', S2: 'a', S3: 'b' };
      const { places, see } = placesWith(before);
      expect(places.move).toBeUndefined();
      vi.advanceTimersByTime(15_000);
      see(before);
      expect(places.move?.id).toBe('S1');
      // Its new worker makes the nodes even, but the old one has to go.
      see({ ...before, 'S1#2': 'c' });
      expect(places.move?.id).toBe('S1');
      see({ 'S1#2': 'c', S2: 'a', S3: 'b' });
      expect(places.move).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
  });

  it('not for a while if Swarm places a worker elsewhere than it should', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const before = { S1: 'a', S2: 'a', S3: 'b' };
      const { places, see } = placesWith(before);
      vi.advanceTimersByTime(15_000);
      constraintsOf(places, 'S4');
      see(before);
      expect(places.move).toBeUndefined();
      vi.advanceTimersByTime(300_000);
      see(before);
      expect(places.move?.id).toBe('S1');
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a lost node', () => {
  it('counts as lost until Swarm must know better', () => {
    const lost = new LostNodes();
    lost.add('a', 1000);
    expect([lost.has('a', 20_999), lost.has('a', 21_000), lost.has('b', 1000)]).toEqual([true, false, false]);
  });

  it.each([
    ['ends a task', [task('1', 'S1', 'a', 'shutdown')]],
    ['has ended a task whose service was removed', []],
    ['prepares a task', [task('1', 'S1', 'a'), task('2', 'S2', 'a', 'preparing')]],
  ])('counts as alive if it %s', (_, after) => {
    const lost = new LostNodes();
    lost.observe([task('1', 'S1', 'a'), task('2', 'S2', 'a', 'assigned')]);
    lost.add('a', 0);
    lost.observe(after);
    expect(lost.has('a', 1)).toBe(false);
  });

  it('shows no sign of life by what managers do', () => {
    const lost = new LostNodes();
    lost.observe([task('1', 'S1', 'a'), task('2', 'S2', 'a', 'pending')]);
    lost.add('a', 0);
    lost.observe([task('1', 'S1', 'a', 'orphaned'), task('2', 'S2', 'a', 'assigned')]);
    lost.observe([task('1', 'S1', 'a', 'orphaned')]);
    expect(lost.has('a', 1)).toBe(true);
  });
});

it('constraints are compared as Swarm compares them', () => {
  const one = { ...node('a', { Labels: { zone: 'North' } }) };
  expect(
    [
      'node.labels.zone==north',
      'node.labels.zone != south',
      'node.labels.disk!=ssd',
      'node.ip==10.0.0.1',
    ].map((each) => fulfils(one, [each])),
  ).toEqual([true, true, true, true]);
  expect(
    ['node.labels.disk==ssd', 'node.hostname==host-b', 'node.role!=worker'].map((each) =>
      fulfils(one, [each]),
    ),
  ).toEqual([false, false, false]);
  expect(['node.role==worker', 'node.role=worker', 'role==worker', ''].map(isConstraint)).toEqual([
    true,
    false,
    false,
    false,
  ]);
});
