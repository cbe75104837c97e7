import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultParameters } from '#shared/ring/strategies.ts';
import type { DesiredChange, RingState } from '#shared/store/ring/ring-store.ts';
import { AdminError, planAdd, planRemove, planReplacement } from '../../gateway/ring/replica-changes.ts';
import { heldPositions, missingPositions, withoutServer } from '../../gateway/ring/upstream-positions.ts';

const parameters = defaultParameters('murmur3');
const limits = { parameters, maxReplicas: 64, containers: false };
const listOf = (count: number): string[] => Array.from({ length: count }, (_, at) => `http://u${at}`);

function stateOf(
  desired: readonly string[],
  positions: Readonly<Record<string, number>>,
  retired: readonly string[] = [],
  count = 4,
): RingState {
  return {
    version: 1,
    joined: desired.length,
    desired: desired.map((name, at) => ({ name, joined: at + 1, weight: 1 })),
    ring: new Map(),
    retired: new Map(retired.map((name) => [name, 1])),
    settings: new Map(),
    upstreams: listOf(count),
    positions: new Map(Object.entries(positions)),
    drained: new Map(),
    restarts: new Map(),
    slowStarts: new Map(),
    ejections: new Map(),
  };
}

const missing = (state: RingState): object =>
  Object.fromEntries(missingPositions(state, state.upstreams.length));

function add(state: RingState, ...hostnames: string[]): DesiredChange {
  return planAdd(state, { n: hostnames.length, hostnames }, limits, () => expect.unreachable());
}

describe('the positions in UPSTREAMS', () => {
  it('are given once to a replica that was added again while it finishes what it held', () => {
    expect(missing(stateOf(['S1', 'S2'], {}, ['S2'], 2))).toEqual({ S1: 0, S2: 1 });
  });

  it('are given by age, the lowest free one first', () => {
    expect(missing(stateOf(['S1', 'S2', 'S3'], {}))).toEqual({ S1: 0, S2: 1, S3: 2 });
    expect(missing(stateOf(['S1', 'S2', 'S3'], { S2: 0 }))).toEqual({ S1: 1, S3: 2 });
  });

  it('are kept by retired replicas', () => {
    expect(missing(stateOf(['S1', 'S9'], { S1: 0, S2: 1 }, ['S2']))).toEqual({ S9: 2 });
  });

  it('are given to retired replicas without one after all desired ones, since they may be started', () => {
    expect(missing(stateOf(['S1'], {}, ['S2']))).toEqual({ S1: 0, S2: 1 });
    expect(missing(stateOf(['S1'], {}, ['S2'], 1))).toEqual({ S1: 0 });
  });

  it('beyond the end of a list that was shortened are given anew, while there are free ones', () => {
    const state = stateOf(['S1', 'S2', 'S3'], { S1: 2, S2: 0, S3: 3 }, [], 2);
    expect(missing(state)).toEqual({ S1: 1 });
    expect(withoutServer({ ...state, positions: new Map([...state.positions, ['S1', 1]]) })).toEqual(['S3']);
  });

  it('are none without UPSTREAMS', () => {
    expect(withoutServer(stateOf(['S1'], {}, [], 0))).toEqual([]);
    expect(add(stateOf(['S1'], {}, [], 0), 'S2').positions).toBeUndefined();
  });
});

describe('/add', () => {
  it('gives each new replica the first free position', () => {
    expect(add(stateOf(['S1', 'S3'], { S1: 0, S3: 2 }), 'S9', 'S4').positions).toEqual(
      new Map([
        ['S9', 1],
        ['S4', 3],
      ]),
    );
  });

  it('lets a replica that still finishes what it held keep its position', () => {
    const { positions } = add(stateOf(['S1'], { S1: 0, S2: 3 }, ['S2']), 'S2', 'S9');
    expect(positions).toEqual(new Map([['S9', 1]]));
  });

  it('gives a dead replica that comes back another position than its replacement', () => {
    const state = stateOf(['S1', 'N1'], { S1: 0, S2: 1, N1: 1 }, ['S2']);
    expect(add(state, 'S2').positions).toEqual(new Map([['S2', 2]]));
  });

  it('ignores a position that an older release has left behind', () => {
    expect(add(stateOf(['S1'], { S1: 0, S9: 2 }), 'S9').positions).toEqual(new Map([['S9', 1]]));
  });

  it('beyond the list says how many servers there are, and which replicas still use theirs', () => {
    const refused = (state: RingState, ...names: string[]): unknown => {
      try {
        return add(state, ...names);
      } catch (error) {
        return error instanceof AdminError && error.status === 400 ? error.message : error;
      }
    };
    expect(refused(stateOf(['S1', 'S2', 'S3'], { S1: 0, S2: 1, S3: 2 }), 'S4', 'S5')).toBe(
      'n is 2, but UPSTREAMS lists 4 servers, one for each replica, and only 1 can be used',
    );
    expect(refused(stateOf(['S1'], { S1: 0, S2: 1 }, ['S2'], 2), 'S9')).toBe(
      'n is 1, but UPSTREAMS lists 2 servers, one for each replica, and only 0 can be used; ' +
        'removed replicas use theirs until they are gone: S2',
    );
  });
});

/** What Redis holds, changed as the scripts change it. */
class World {
  state: RingState;
  readonly count: number;
  /** Each replica -> the name of its chain: a dead replica and its replacements share one. */
  readonly chains = new Map<string, string>();
  #made = 0;

  constructor(count: number, seeds: number) {
    this.count = count;
    this.state = stateOf([], {}, [], count);
    this.fill();
    this.add(seeds, []);
  }

  names(): string[] {
    return [...this.state.desired.map(({ name }) => name), ...this.state.retired.keys()];
  }

  #change({ add: added, remove, positions = new Map() }: DesiredChange): void {
    const { desired, retired } = this.state;
    const left = new Map(retired);
    for (const { name } of added) left.delete(name);
    for (const name of remove) left.set(name, 1);
    this.state = {
      ...this.state,
      desired: [...desired.filter(({ name }) => !remove.includes(name)), ...added],
      joined: Math.max(this.state.joined, ...added.map(({ joined }) => joined)),
      retired: left,
      positions: new Map([...this.state.positions, ...positions]),
    };
  }

  /** @returns whether the replicas were added. */
  add(n: number, hostnames: string[]): boolean {
    const before = this.state;
    try {
      this.#change(planAdd(this.state, { n, hostnames }, limits, () => `R${(this.#made += 1)}`));
    } catch (error) {
      if (error instanceof AdminError) return false;
      throw error;
    }
    for (const { name } of this.state.desired) {
      if (before.desired.some((each) => each.name === name)) continue;
      const wasReplaced = before.desired.some(
        ({ name: other }) => this.chains.get(other) === this.chains.get(name),
      );
      const isBack = before.retired.has(name) && !wasReplaced;
      if (!isBack) this.chains.set(name, `${name}#${this.#made}#${this.state.joined}`);
    }
    return true;
  }

  remove(at: number): void {
    const { desired } = this.state;
    const name = desired[at % Math.max(1, desired.length)]?.name;
    if (name === undefined) return;
    this.#change(planRemove(this.state, { n: 1, hostnames: [name] }, () => 0));
  }

  replace(at: number): void {
    const { desired } = this.state;
    const dead = desired[at % Math.max(1, desired.length)]?.name;
    if (dead === undefined) return;
    const by = `N${(this.#made += 1)}`;
    const replacement = planReplacement(this.state, dead, by, parameters);
    if (replacement === undefined) return;
    const position = this.state.positions.get(dead);
    const positions = position === undefined ? new Map() : new Map([[by, position]]);
    this.#change({ add: [replacement.member], remove: [dead], positions });
    this.chains.set(by, this.chains.get(dead) ?? '');
  }

  forget(at: number): void {
    const name = [...this.state.retired.keys()][at % Math.max(1, this.state.retired.size)];
    if (name === undefined) return;
    const [retired, positions] = [new Map(this.state.retired), new Map(this.state.positions)];
    retired.delete(name);
    positions.delete(name);
    this.state = { ...this.state, retired, positions };
  }

  /** The controller's pass. */
  fill(): void {
    this.#change({ add: [], remove: [], positions: missingPositions(this.state, this.count) });
  }

  /** @returns the position of each replica that exists. */
  taken(): [name: string, position: number][] {
    return this.names().flatMap((name) => {
      const position = this.state.positions.get(name);
      return position === undefined ? [] : [[name, position]];
    });
  }
}

const action = fc.oneof(
  fc.record({ what: fc.constant('add' as const), at: fc.nat(3) }),
  fc.record({ what: fc.constant('addBack' as const), at: fc.nat(9) }),
  fc.record({
    what: fc.constantFrom('remove' as const, 'replace' as const, 'forget' as const),
    at: fc.nat(9),
  }),
  fc.record({ what: fc.constant('fill' as const), at: fc.constant(0) }),
);

describe('whatever is added, removed, replaced and forgotten', () => {
  it('no server has two replicas except a dead one and its replacements, and no replica changes its server', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(action, { maxLength: 60 }), (count, actions) => {
        const world = new World(count, Math.ceil(count / 2));
        for (const { what, at } of actions) {
          const before = new Map(world.taken());
          const chainsBefore = new Map(world.chains);
          if (what === 'add') world.add(at + 1, []);
          else if (what === 'addBack') world.add(1, [...world.state.retired.keys()].slice(at, at + 1));
          else world[what](at);
          const users = new Map<number, string>();
          for (const [name, position] of world.taken()) {
            expect(position).toBeLessThan(count);
            const chain = world.chains.get(name) ?? '';
            expect(users.get(position) ?? chain, `${name} at ${position}`).toBe(chain);
            users.set(position, chain);
            if (before.has(name) && chainsBefore.get(name) === chain) expect(position).toBe(before.get(name));
          }
          // Nobody is without a server: `/add` refuses what the list cannot serve.
          expect(withoutServer(world.state)).toEqual([]);
          expect(heldPositions(world.state, count).size).toBe(world.state.desired.length);
        }
      }),
      { numRuns: 300 },
    );
  });
});
