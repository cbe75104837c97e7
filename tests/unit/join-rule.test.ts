import { describe, expect, it } from 'vitest';
import { announcedText, parseAnnounced } from '#shared/contract/joining.ts';
import type { Announced } from '#shared/contract/joining.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { RingMember } from '#shared/ring/ring.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import { joinSteps, planJoins } from '../../gateway/joins/join-rule.ts';
import type { JoinInput, ObservedForJoins } from '../../gateway/joins/join-rule.ts';

const now = 1_000_000;
const parameters = { strategy: 'murmur3', virtualNodes: 8 } as const;
const limits = { parameters, maxReplicas: 10, containers: false };

const joined = (name: string, at: number): RingMember => ({
  name,
  joined: at,
  weight: 1,
  joinedBy: 'worker',
});
const fixed = (name: string, at: number): RingMember => ({ name, joined: at, weight: 1 });

function state(desired: readonly RingMember[], more: Partial<RingState> = {}): RingState {
  return {
    version: 7,
    joined: Math.max(0, ...desired.map((member) => member.joined)),
    desired,
    ring: new Map(),
    retired: new Map(),
    settings: new Map(),
    upstreams: [],
    positions: new Map(),
    drained: new Map(),
    restarts: new Map(),
    slowStarts: new Map(),
    ejections: new Map(),
    ...more,
  };
}

function worker(text: string): Announced {
  return parseAnnounced(text) ?? { name: 'none', generation: 0 };
}

interface Given {
  readonly desired?: readonly RingMember[];
  readonly announced?: readonly string[];
  readonly departing?: readonly string[];
  /** The replicas that are lost, with the time since then in ms. */
  readonly lost?: Readonly<Record<string, number>>;
  readonly observed?: Partial<ObservedForJoins>;
}

function stepsOf({ desired = [], announced = [], departing = [], lost = {}, observed = {} }: Given) {
  const lostOf = (ms: number): ReplicaStatus => ({
    state: 'lost',
    since: now - ms,
    lostAt: now - ms,
    generation: 1,
    failures: 1,
  });
  const input: JoinInput = {
    observed: { ...state(desired), paused: new Set(), standbys: new Map(), blind: false, ...observed },
    memory: new Map(Object.entries(lost).map(([name, ms]) => [name, lostOf(ms)])),
    announcements: { announced: announced.map(worker), departing: departing.map(worker) },
    leaveAfterMs: 60_000,
    now,
  };
  const { join, leave, departed } = joinSteps(input);
  const leaving = leave.map(({ name, cause }) => `${name}: ${cause}`);
  return { join, leave: leaving, departed: departed.map(announcedText) };
}

describe('who joins', () => {
  it('each announced replica that is not desired, in the order of its number', () => {
    const announced = ['w-10#1', 'w-2#4', 'w-1#1', 'w-2#5'];
    expect(stepsOf({ desired: [joined('w-1', 1)], announced }).join).toEqual(['w-2', 'w-10']);
  });

  it('gets the next joining numbers, in one change, and follows its worker', () => {
    const { change, refused } = planJoins(
      state([fixed('S1', 4)]),
      { join: ['a', 'b'], leave: [] },
      new Map(),
      limits,
    );
    expect(change).toEqual({ add: [joined('a', 5), joined('b', 6)], remove: [] });
    expect(refused.size).toBe(0);
  });

  it('not one with a reserved name, a tombstone, or beyond MAX_REPLICAS', () => {
    const join = ['127.0.0.1', 'a', 'b', 'c', 'ringpost-0'];
    const few = { ...limits, maxReplicas: 2 };
    const { change, refused } = planJoins(
      state([fixed('S1', 1)]),
      { join, leave: [] },
      new Map([['a', 0]]),
      few,
    );
    expect(change?.add.map(({ name }) => name)).toEqual(['b']);
    expect(Object.fromEntries(refused)).toEqual({
      '127.0.0.1': 'the name is an IP address, not a hostname; choose another one',
      a: 'it was removed by /rm at 1970-01-01T00:00:00.000Z; /add lets it in again',
      c: 'MAX_REPLICAS is 2, and there are as many replicas',
      'ringpost-0': 'the name is reserved for ringpost itself; choose another one',
    });
  });

  it('as many as have room on the ring, or a server in UPSTREAMS', () => {
    const narrow = { strategy: 'assignment', slots: 16, virtualNodes: 8, probing: 'linear' } as const;
    const join = ['a', 'b', 'c'];
    const onRing = planJoins(state([]), { join, leave: [] }, new Map(), { ...limits, parameters: narrow });
    expect(onRing.change?.add.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(Object.fromEntries(onRing.refused)).toEqual({ c: 'the ring has no room for it' });
    const upstreams = ['http://x:1', 'http://y:1'];
    const served = planJoins(state([], { upstreams }), { join, leave: [] }, new Map(), limits);
    expect(served.change?.positions).toEqual(
      new Map([
        ['a', 0],
        ['b', 1],
      ]),
    );
    expect(served.refused.get('c')).toBe('UPSTREAMS lists 2 servers, and other replicas use them');
  });

  it('has the room that another one leaves in the same change', () => {
    const leave = [{ name: 'a', cause: '', orderly: true }];
    const one = { ...limits, maxReplicas: 1 };
    const { change } = planJoins(state([joined('a', 1)]), { join: ['b'], leave }, new Map(), one);
    expect(change).toMatchObject({ add: [{ name: 'b' }], remove: ['a'] });
  });
});

describe('who leaves', () => {
  it('one whose worker departs, and that has no other worker', () => {
    const desired = [joined('a', 1), joined('b', 2), fixed('c', 3)];
    const departing = ['a#3', 'b#1', 'c#1', 'd#1'];
    expect(stepsOf({ desired, announced: ['b#2', 'c#2'], departing })).toEqual({
      join: [],
      leave: ['a: its worker leaves'],
      departed: ['b#1', 'c#1', 'd#1'],
    });
  });

  it('one that has been lost for too long, unless a worker of it is about to come', () => {
    const desired = ['a', 'b', 'c', 'd'].map((name, at) => joined(name, at + 1));
    const lost = { a: 60_001, b: 59_000, c: 90_000, d: 90_000, e: 90_000 };
    const observed = { standbys: new Map([['d', 2]]) };
    const given = { desired: [...desired, fixed('e', 5)], announced: ['c#2'], lost, observed };
    expect(stepsOf(given).leave).toEqual(['a: it has had no worker for more than 60 s']);
  });

  it('none whose worker departs while it is paused: its requests would run', () => {
    const given = { desired: [joined('a', 1)], departing: ['a#3'] };
    const paused = stepsOf({ ...given, observed: { paused: new Set(['a']) } });
    expect(paused).toEqual({ join: [], leave: [], departed: [] });
    expect(stepsOf(given).leave).toEqual(['a: its worker leaves']);
  });

  it('none while Redis was away, and none that is paused', () => {
    const given = { desired: [joined('a', 1)], lost: { a: 90_000 } };
    expect(stepsOf({ ...given, observed: { blind: true } }).leave).toEqual([]);
    expect(stepsOf({ ...given, observed: { paused: new Set(['a']) } }).leave).toEqual([]);
  });

  it('nobody whom an operator has added since', () => {
    const leave = [{ name: 'a', cause: '', orderly: true }];
    const { change } = planJoins(state([fixed('a', 1)]), { join: [], leave }, new Map(), limits);
    expect(change).toBeUndefined();
  });
});

it('reads only what a worker can have written', () => {
  for (const text of [
    '',
    'a',
    'a#',
    '#1',
    'a#0',
    'a#1#2',
    'a#-1',
    '-a#1',
    'a b#1',
    'a#1x',
    `${'a'.repeat(64)}#1`,
  ])
    expect(parseAnnounced(text), text).toBeUndefined();
  expect(parseAnnounced('w-1#12')).toEqual({ name: 'w-1', generation: 12 });
});
