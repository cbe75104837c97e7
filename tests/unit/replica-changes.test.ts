import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isReplicaName } from '#shared/contract/replica-name.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import type { RingMember } from '#shared/ring/ring.ts';
import { createRing, defaultParameters } from '#shared/ring/strategies.ts';
import { AdminError, parseReplicaChange, planAdd, planRemove } from '../../gateway/ring/replica-changes.ts';

const murmur3 = { parameters: defaultParameters('murmur3'), maxReplicas: 64, containers: false };
const assignment = { parameters: defaultParameters('assignment'), maxReplicas: 64, containers: false };

/** A state with these replicas, all of them in the ring. */
function stateOf(names: readonly string[], limits = murmur3, retired: readonly string[] = []): RingState {
  const empty: RingState = {
    version: 1,
    joined: 0,
    desired: [],
    ring: new Map(),
    retired: new Map(),
    settings: new Map(),
    upstreams: [],
    positions: new Map(),
    drained: new Map(),
    restarts: new Map(),
    slowStarts: new Map(),
    ejections: new Map(),
  };
  const desired =
    names.length === 0 ? [] : planAdd(empty, { n: names.length, hostnames: names }, limits, () => '').add;
  return {
    version: 1,
    joined: desired.length,
    desired,
    ring: new Map(names.map((name) => [name, 1])),
    retired: new Map(retired.map((name) => [name, 1])),
    settings: new Map(),
    upstreams: [],
    positions: new Map(),
    drained: new Map(),
    restarts: new Map(),
    slowStarts: new Map(),
    ejections: new Map(),
  };
}

const named = (count: number): string[] => Array.from({ length: count }, (_, at) => `S${at + 1}`);
const namesOf = (members: readonly RingMember[]): string[] => members.map(({ name }) => name);
const never = (): never => expect.unreachable('no name may be drawn');

/** @returns a function that returns these values one after the other. */
function drawing<T>(...values: T[]): () => T {
  return () => {
    const value = values.shift();
    assert(value !== undefined, 'too many values are drawn');
    return value;
  };
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof AdminError && error.status === 400) return error.message;
    throw error;
  }
  return expect.unreachable('nothing was thrown');
}

const parseError = (body: unknown): string => messageOf(() => parseReplicaChange(body, 'newly added'));

describe('parseReplicaChange', () => {
  it.each([
    [{ n: 4, hostnames: ['S5', 'S4', 'S10', 'S11'] }, ['S5', 'S4', 'S10', 'S11']],
    [{ n: 3, hostnames: ['S5', 'S4'] }, ['S5', 'S4']],
    [{ n: 1, hostnames: [] }, []],
    [{ n: 2 }, []],
    [{ n: 2, hostnames: undefined, more: true }, []],
  ])('accepts %j', (body, hostnames) => {
    expect(parseReplicaChange(body, 'newly added')).toEqual({ n: body.n, hostnames });
  });

  it.each(['newly added', 'removable'] as const)('refuses more hostnames than n: %s', (which) => {
    expect(messageOf(() => parseReplicaChange({ n: 1, hostnames: ['S4', 'S5'] }, which))).toBe(
      `Length of hostname list is more than ${which} instances`,
    );
  });

  it.each([undefined, null, 1, 'text', true, [], [{ n: 1 }]])('refuses the body %j', (body) => {
    expect(parseError(body)).toBe('The body must be a JSON object such as {"n":2,"hostnames":["S5"]}');
  });

  it.each([
    [{}, 'nothing'],
    [{ n: null }, 'null'],
    [{ n: '3' }, '"3"'],
    [{ n: 1.5 }, '1.5'],
    [{ n: 0 }, '0'],
    [{ n: -0 }, '0'],
    [{ n: -1 }, '-1'],
    [{ n: 1e99 }, '1e+99'],
    [{ n: Number.POSITIVE_INFINITY }, 'null'],
    [{ n: [1] }, '[1]'],
    [{ n: true }, 'true'],
    [{ N: 1 }, 'nothing'],
  ])('refuses n in %j', (body, shown) => {
    expect(parseError(body)).toBe(`n must be an integer of at least 1, not ${shown}`);
  });

  it.each([null, 'S4', {}, { length: 1, 0: 'S4' }, [4], ['S4', null], [['S4']], 0, false])(
    'refuses the hostnames %j',
    (hostnames) => {
      expect(parseError({ n: 2, hostnames })).toBe(
        `hostnames must be a list of strings, not ${JSON.stringify(hostnames)}`,
      );
    },
  );

  it.each(['S', '0', 'a'.repeat(63), 'a-b_c.d', 'A.', 'a-', 'constructor', 'toString', 'ring', 'wake'])(
    'accepts the name %s',
    (name) => {
      expect(parseReplicaChange({ n: 1, hostnames: [name] }, 'newly added').hostnames).toEqual([name]);
    },
  );

  it.each([
    '',
    'a'.repeat(64),
    '-a',
    '_a',
    '.a',
    'a b',
    ' a',
    'a\n',
    'a#1',
    'a{b}',
    'a:b',
    'a/b',
    'é',
    'Ｓ1',
    'S1\u0000',
    '__proto__',
    '😀',
  ])('refuses the name %j', (name) => {
    expect(parseError({ n: 1, hostnames: [name] })).toBe(
      `${JSON.stringify(name)} is no valid container hostname: 1 to 63 letters, digits, '_', '.' or '-', ` +
        'the first a letter or digit',
    );
  });

  it('refuses a hostname that is listed twice, but not one that differs in case', () => {
    expect(parseError({ n: 3, hostnames: ['S4', 'S5', 'S4'] })).toBe('hostname "S4" is listed twice');
    expect(parseReplicaChange({ n: 2, hostnames: ['S4', 's4'] }, 'removable').n).toBe(2);
  });

  it('repeats at most 100 characters of a wrong value', () => {
    expect(parseError({ n: 'x'.repeat(60_000) }).length).toBeLessThan(200);
  });

  it('makes a valid change or an error with status 400 from any JSON value', () => {
    expect(parseReplicaChange({ n: 1 }, 'removable')).toEqual({ n: 1, hostnames: [] });
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.anything(), (body, anything) => {
        for (const value of [body, { n: 1, hostnames: body }, { n: body }, anything]) {
          try {
            const { n, hostnames } = parseReplicaChange(value, 'removable');
            expect(n).toBeGreaterThanOrEqual(Math.max(1, hostnames.length));
            expect(hostnames.filter(isReplicaName)).toEqual(hostnames);
            expect(new Set(hostnames).size).toBe(hostnames.length);
          } catch (error) {
            assert(error instanceof AdminError && error.status === 400, String(error));
          }
        }
      }),
    );
  });
});

describe('planAdd', () => {
  it('adds the listed names in order, each with the next joining number', () => {
    const state = { ...stateOf(['S1']), joined: 7 };
    expect(planAdd(state, { n: 2, hostnames: ['S9', 'S4'] }, murmur3, never)).toEqual({
      add: [
        { name: 'S9', joined: 8, weight: 1 },
        { name: 'S4', joined: 9, weight: 1 },
      ],
      remove: [],
    });
  });

  it('adds random names that are not in use, listed, already drawn or draining', () => {
    const random = drawing('S1', 'S4', 'gone', 'S100000', 'S100000', 'S100001');
    const plan = planAdd(stateOf(['S1'], murmur3, ['gone']), { n: 3, hostnames: ['S4'] }, murmur3, random);
    expect(namesOf(plan.add)).toEqual(['S4', 'S100000', 'S100001']);
  });

  it('accepts a listed name that is draining', () => {
    const plan = planAdd(stateOf([], murmur3, ['S1']), { n: 1, hostnames: ['S1'] }, murmur3, never);
    expect(namesOf(plan.add)).toEqual(['S1']);
  });

  it('refuses a name that is in use', () => {
    const refused = (): unknown =>
      planAdd(stateOf(['S1']), { n: 2, hostnames: ['S2', 'S1'] }, murmur3, never);
    expect(messageOf(refused)).toBe('hostname "S1" is already in use');
  });

  it('adds up to MAX_REPLICAS replicas in total and not one more', () => {
    const limits = { ...murmur3, maxReplicas: 3 };
    expect(planAdd(stateOf(['S1']), { n: 2, hostnames: ['a', 'b'] }, limits, never).add).toHaveLength(2);
    expect(messageOf(() => planAdd(stateOf(['S1']), { n: 3, hostnames: [] }, limits, never))).toBe(
      'n is 3, but there are 1 replicas and may be 3 at most (MAX_REPLICAS)',
    );
    const largest = { n: Number.MAX_SAFE_INTEGER, hostnames: [] };
    expect(messageOf(() => planAdd(stateOf([]), largest, limits, never))).toMatch(/MAX_REPLICAS/);
  });

  it('fills the assignment ring with 56 replicas, and says how much room is left', () => {
    const full = stateOf(named(56), assignment);
    expect(createRing(assignment.parameters, full.desired).members).toHaveLength(56);
    expect(messageOf(() => planAdd(full, { n: 1, hostnames: ['S57'] }, assignment, never))).toBe(
      'the ring has room for 0 more replicas, not for 1',
    );
    const almost = stateOf(named(54), assignment);
    expect(messageOf(() => planAdd(almost, { n: 3, hostnames: ['a', 'b', 'c'] }, assignment, never))).toBe(
      'the ring has room for 2 more replicas, not for 3',
    );
  });
});

describe('a name that is not allowed for a new replica', () => {
  it.each([
    ['ring', false, 'is reserved for ringpost itself'],
    ['REDIS', false, 'is reserved for ringpost itself'],
    ['10.0.0.1', false, 'is an IP address, not a hostname'],
    ['a', true, 'is too short for a container, which has two characters'],
  ])('is refused, but can be removed if it exists: %s', (name, containers, fault) => {
    const change = { n: 2, hostnames: ['S9', name] };
    expect(messageOf(() => planAdd(stateOf([]), change, { ...murmur3, containers }, never))).toBe(
      `hostname "${name}" ${fault}; choose another one`,
    );
    const { desired, ...state } = stateOf(['S1']);
    const older = { ...state, desired: desired.map((member) => ({ ...member, name })) };
    expect(planRemove(older, { n: 1, hostnames: [name] }, never).remove).toEqual([name]);
  });
});

describe('planRemove', () => {
  it('removes the listed names and random ones up to n, none of them twice', () => {
    const state = stateOf(named(5));
    // The names left to draw from are S1, S3, S5, then S1, S5.
    expect(planRemove(state, { n: 4, hostnames: ['S4', 'S2'] }, drawing(1, 1))).toEqual({
      add: [],
      remove: ['S4', 'S2', 'S3', 'S5'],
    });
  });

  it('can remove all replicas', () => {
    expect(planRemove(stateOf(named(2)), { n: 2, hostnames: [] }, drawing(1, 0)).remove).toEqual([
      'S2',
      'S1',
    ]);
  });

  it('refuses to remove more replicas than there are', () => {
    expect(messageOf(() => planRemove(stateOf(named(2)), { n: 3, hostnames: [] }, never))).toBe(
      'n is 3, but there are only 2 replicas',
    );
  });

  it.each([[['S9']], [['S1', 'S9']], [['gone']], [['s1']]])(
    'refuses %j because there is no such replica',
    (hostnames) => {
      const state = stateOf(named(2), murmur3, ['gone']);
      expect(messageOf(() => planRemove(state, { n: 2, hostnames }, never))).toBe(
        `there is no replica "${hostnames.at(-1) ?? ''}"`,
      );
    },
  );

  it('removes exactly n existing replicas, including the listed ones', () => {
    const anyCase = fc.integer({ min: 1, max: 30 }).chain((count) =>
      fc.record({
        names: fc.constant(named(count)),
        n: fc.integer({ min: 1, max: count }),
        hostnames: fc.subarray(named(count)),
        draws: fc.infiniteStream(fc.nat()),
      }),
    );
    expect.hasAssertions();
    fc.assert(
      fc.property(anyCase, ({ names, n, hostnames, draws }) => {
        const listed = hostnames.slice(0, n);
        const pick = (of: number): number => Number(draws.next().value) % of;
        const { remove } = planRemove(stateOf(names), { n, hostnames: listed }, pick);
        expect(remove.slice(0, listed.length)).toEqual(listed);
        expect(new Set(remove).size).toBe(n);
        expect(names).toEqual(expect.arrayContaining([...remove]));
      }),
    );
  });
});
