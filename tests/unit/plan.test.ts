import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lease, LeaseState } from '#shared/contract/lease.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Observed } from '../../gateway/controller/observe.ts';
import { plan, renderStep } from '../../gateway/controller/plan.ts';
import type { Memory, Plan } from '../../gateway/controller/plan.ts';
import { backoffMs } from '../../gateway/controller/replica-state.ts';

const settings = { failoverMs: 2000, startTimeoutMs: 15_000, retiredQuietMs: 3000 };

const lease = (generation: number, state: LeaseState = 'ready'): Lease => ({
  generation,
  state,
  pid: 1,
  host: 'h',
  started: 0,
});

const observed = (parts: Partial<Observed>): Observed => ({
  version: 1,
  joined: 9,
  desired: [],
  ring: new Map(),
  retired: new Map(),
  leases: new Map(),
  instances: [],
  backlog: new Map(),
  blind: false,
  trouble: undefined,
  beginning: new Set(),
  offered: new Set(),
  standbys: new Map(),
  ...parts,
});

const desired = (...names: string[]): Observed['desired'] =>
  names.map((name, at) => ({ name, joined: at + 1, weight: 1 }));

const lines = ({ steps }: Plan): string[] => steps.map(renderStep);

const remember = (status: Partial<ReplicaStatus>): Memory =>
  new Map([['S1', { state: 'ready', since: 0, generation: 1, failures: 0, ...status }]]);

describe('plan', () => {
  it('starts a desired replica that nobody has seen', () => {
    const result = plan(observed({ desired: desired('S1') }), new Map(), new Map(), settings, 1000);
    expect(lines(result)).toEqual(['start S1: no worker runs']);
    expect(result.memory.get('S1')).toMatchObject({ state: 'starting', since: 1000 });
  });

  it('lets a replica into the ring when its worker takes jobs', () => {
    const world = observed({ desired: desired('S1'), leases: new Map([['S1', lease(3)]]) });
    expect(lines(plan(world, new Map(), new Map(), settings, 0))).toEqual(['admit S1#3: it is ready']);
  });

  it('does nothing where all is as it shall be', () => {
    const world = observed({
      desired: desired('S1'),
      leases: new Map([['S1', lease(3)]]),
      ring: new Map([['S1', 3]]),
    });
    expect(lines(plan(world, new Map(), new Map(), settings, 0))).toEqual([]);
  });

  it('replaces a dead worker at once and keeps its place in the ring', () => {
    const world = observed({ desired: desired('S1'), ring: new Map([['S1', 1]]) });
    const deaths = new Map([['S1', 'killed by SIGKILL']]);
    expect(lines(plan(world, remember({}), deaths, settings, 100))).toEqual(['start S1: killed by SIGKILL']);
  });

  it('takes a replica out of the ring that was lost for longer than FAILOVER_MS', () => {
    const world = observed({
      desired: desired('S1'),
      ring: new Map([['S1', 1]]),
      instances: [{ name: 'S1', generation: 2, id: '7', outdated: false }],
    });
    const memory = remember({ state: 'starting', since: 100, lostAt: 100 });
    expect(lines(plan(world, memory, new Map(), settings, 2100))).toEqual([]);
    expect(lines(plan(world, memory, new Map(), settings, 2101))).toEqual([
      'evict S1: not ready for more than 2000 ms',
    ]);
  });

  it('kills a worker whose lease ran out before it starts another', () => {
    const world = observed({
      desired: desired('S1'),
      instances: [{ name: 'S1', generation: 1, id: '7', outdated: false }],
    });
    const first = plan(world, remember({}), new Map(), settings, 0);
    expect(lines(first)).toEqual(['kill S1#1: its lease ran out']);
    const gone = plan(observed({ desired: desired('S1') }), first.memory, new Map(), settings, 10);
    expect(lines(gone)).toEqual(['start S1: its lease ran out']);
  });

  it('kills no worker for a missing lease while Redis was away', () => {
    const world = observed({
      desired: desired('S1'),
      instances: [{ name: 'S1', generation: 1, id: '7', outdated: false }],
      blind: true,
    });
    expect(lines(plan(world, remember({}), new Map(), settings, 0))).toEqual([]);
  });

  it('lets a worker that leaves finish what it holds', () => {
    const world = observed({
      desired: desired('S1'),
      ring: new Map([['S1', 1]]),
      leases: new Map([['S1', lease(1, 'leaving')]]),
      instances: [{ name: 'S1', generation: 1, id: '7', outdated: false }],
    });
    const result = plan(world, remember({}), new Map(), settings, 0);
    expect(lines(result)).toEqual([]);
    expect(result.memory.get('S1')).toMatchObject({ state: 'lost', reason: 'it leaves' });
  });

  it('waits for a worker that is being started and cannot be seen yet', () => {
    const world = observed({ desired: desired('S1'), beginning: new Set(['S1']) });
    const memory = remember({ state: 'starting', since: 0, lostAt: 0 });
    expect(lines(plan(world, memory, new Map(), settings, 500))).toEqual([]);
  });

  it('replaces a starting worker that is gone without a word', () => {
    const memory = remember({ state: 'starting', since: 0, lostAt: 0 });
    expect(lines(plan(observed({ desired: desired('S1') }), memory, new Map(), settings, 500))).toEqual([
      'start S1: its worker is gone',
    ]);
  });

  it('does not wait for a worker that leaves, when it leads anew', () => {
    const world = observed({ desired: desired('S1'), leases: new Map([['S1', lease(1, 'leaving')]]) });
    const first = plan(world, new Map(), new Map(), settings, 0);
    expect(lines(first)).toEqual([]);
    const gone = plan(observed({ desired: desired('S1') }), first.memory, new Map(), settings, 10);
    expect(lines(gone)).toEqual(['start S1: no worker runs']);
  });

  it('kills a worker that is not ready in time', () => {
    const world = observed({
      desired: desired('S1'),
      instances: [{ name: 'S1', generation: 1, id: '7', outdated: false }],
    });
    const memory = remember({ state: 'starting', since: 0, lostAt: 0 });
    expect(lines(plan(world, memory, new Map(), settings, 15_001))).toEqual([
      'kill S1#1: not ready within 15000 ms',
    ]);
  });

  it('waits longer after each failure', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 7, 50].map(backoffMs)).toEqual([
      0, 0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
    ]);
    const world = observed({ desired: desired('S1') });
    const memory = remember({ state: 'lost', since: 0, failures: 3, reason: 'exited with code 1' });
    expect(lines(plan(world, memory, new Map(), settings, 1999))).toEqual([]);
    expect(lines(plan(world, memory, new Map(), settings, 2000))).toEqual(['start S1: exited with code 1']);
  });

  it('forgets a retired replica that holds nothing, and not before gateways have heard of it', () => {
    const world = observed({ retired: new Map([['S1', 0]]), backlog: new Map([['S1', 0]]) });
    expect(lines(plan(world, remember({}), new Map(), settings, 2999))).toEqual([]);
    expect(lines(plan(world, remember({}), new Map(), settings, 3000))).toEqual([
      'forget S1: it is removed and holds nothing',
    ]);
  });

  it('starts a worker again for what a retired replica still holds', () => {
    const world = observed({ retired: new Map([['S1', 0]]), backlog: new Map([['S1', 2]]) });
    const deaths = new Map([['S1', 'killed by SIGKILL']]);
    const memory = remember({ state: 'draining' });
    expect(lines(plan(world, memory, deaths, settings, 5000))).toEqual(['start S1: killed by SIGKILL']);
  });

  it('puts the queue of a replica that is out of the ring up for adoption while it holds what nobody serves', () => {
    const world = observed({
      desired: desired('S1', 'S2'),
      ring: new Map([['S2', 1]]),
      leases: new Map([['S2', lease(1)]]),
      instances: [{ name: 'S1', generation: 2, id: '7', outdated: false }],
      backlog: new Map([['S1', 5]]),
    });
    const memory: Memory = new Map([
      ['S1', { state: 'starting', since: 0, lostAt: 0, generation: 1, failures: 3 }],
      ['S2', { state: 'ready', since: 0, generation: 1, failures: 0 }],
    ]);
    const see = (parts: Partial<Observed>): string[] =>
      lines(plan({ ...world, ...parts }, memory, new Map(), settings, 3000));
    const both = new Map([
      ['S1', 1],
      ['S2', 1],
    ]);
    const offered = new Set(['S1']);
    const adopted = { ...lease(0, 'adopted'), adopter: 'S2#1' };
    const leases = (own: Lease): Map<string, Lease> => new Map([...world.leases, ['S1', own]]);
    expect(see({})).toEqual(['offer S1: nobody serves the 5 jobs it holds']);
    // While it is in the ring its replacement may soon be there.
    expect(see({ ring: both, backlog: new Map() })).toEqual(['evict S1: not ready for more than 2000 ms']);
    expect(see({ backlog: new Map([['S1', 0]]) })).toEqual([]);
    // There is nobody who could adopt it.
    expect(see({ leases: new Map() })).toEqual(['start S2: its lease ran out']);
    expect(see({ offered })).toEqual([]);
    expect(see({ offered, leases: leases(adopted), backlog: new Map([['S1', 0]]) })).toEqual([]);
    expect(see({ offered, leases: leases(lease(2)) })).toEqual([
      'admit S1#2: it is ready',
      'withdraw S1: it is served, or holds nothing',
    ]);
  });

  it('takes an adopter for no worker of the replica: it goes on starting one, which may wait for the adopter', () => {
    const adopted = { ...lease(0, 'adopted'), adopter: 'S2#1' };
    const world = observed({
      desired: desired('S1'),
      leases: new Map([['S1', adopted]]),
      offered: new Set(['S1']),
    });
    const lost = remember({ state: 'lost', lostAt: 0, failures: 1, reason: 'killed by SIGKILL' });
    const first = plan(world, lost, new Map(), settings, 5000);
    expect(lines(first)).toContain('start S1: killed by SIGKILL');
    expect(first.memory.get('S1')).toMatchObject({ state: 'starting', adopter: 'S2#1' });
    const waiting = {
      ...world,
      instances: [{ name: 'S1', generation: 2, id: '7', outdated: false }],
      standbys: new Map([['S1', 2]]),
    };
    const later = plan(waiting, first.memory, new Map(), settings, 100_000);
    expect(later.memory.get('S1')).toMatchObject({ state: 'starting' });
    expect(lines(later).filter((line) => line.startsWith('kill'))).toEqual([]);
  });

  it('leaves the queue of a retired replica whose worker died to adopters, and forgets it when they are done', () => {
    const world = observed({
      desired: desired('S2'),
      ring: new Map([['S2', 1]]),
      leases: new Map([['S2', lease(1)]]),
      retired: new Map([['S1', 0]]),
      backlog: new Map([['S1', 2]]),
    });
    const memory: Memory = new Map([
      ['S1', { state: 'draining', since: 0, generation: 1, failures: 0 }],
      ['S2', { state: 'ready', since: 0, generation: 1, failures: 0 }],
    ]);
    const deaths = new Map([['S1', 'killed by SIGKILL']]);
    expect(lines(plan(world, memory, deaths, settings, 5000))).toEqual([
      'offer S1: nobody serves the 2 jobs it holds',
    ]);
    const empty = { ...world, backlog: new Map([['S1', 0]]), offered: new Set(['S1']) };
    const adopted = { ...lease(0, 'adopted'), adopter: 'S2#1' };
    const served = { ...empty, leases: new Map([...world.leases, ['S1', adopted] as const]) };
    expect(lines(plan(served, memory, new Map(), settings, 9000))).toEqual([]);
    expect(lines(plan(empty, memory, new Map(), settings, 9000))).toEqual([
      'withdraw S1: it is served, or holds nothing',
      'forget S1: it is removed and holds nothing',
    ]);
  });

  it('ends workers of a replica that does not exist', () => {
    const world = observed({ instances: [{ name: 'S9', generation: 1, id: '7', outdated: false }] });
    expect(lines(plan(world, new Map(), new Map(), settings, 0))).toEqual([
      'kill S9#1: there is no such replica',
    ]);
  });
});

/** A small world that carries plans out, in which workers die, hang and come up when chance says so. */
class World {
  now = 0;
  memory: Memory = new Map();
  readonly desired = new Set(['S1', 'S2', 'S3']);
  readonly retired = new Map<string, number>();
  readonly ring = new Map<string, number>();
  readonly workers = new Map<string, { generation: number; state: LeaseState; lease: boolean }[]>();
  readonly backlog = new Map<string, number>();
  readonly generations = new Map<string, number>();
  readonly offered = new Set<string>();
  /** Replica whose queue is adopted -> the replica whose worker serves it. */
  readonly adopters = new Map<string, string>();
  deaths = new Map<string, string>();

  of(name: string): { generation: number; state: LeaseState; lease: boolean }[] {
    const list = this.workers.get(name) ?? [];
    this.workers.set(name, list);
    return list;
  }

  look(): Observed {
    const holder = (name: string) => this.of(name).find((worker) => worker.lease);
    const names = [...this.desired, ...this.retired.keys()];
    return observed({
      desired: desired(...this.desired),
      ring: new Map(this.ring),
      retired: new Map(this.retired),
      leases: new Map(
        names.flatMap((name) => {
          const worker = holder(name);
          if (worker) return [[name, lease(worker.generation, worker.state)] as const];
          const adopter = this.adopters.get(name);
          return adopter === undefined ? [] : [[name, { ...lease(0, 'adopted'), adopter }] as const];
        }),
      ),
      instances: [...this.workers].flatMap(([name, list]) =>
        list.map(({ generation }) => ({ name, generation, id: `${name}#${generation}`, outdated: false })),
      ),
      backlog: new Map(
        names.filter((name) => !this.ring.has(name)).map((name) => [name, this.backlog.get(name) ?? 0]),
      ),
      offered: new Set(this.offered),
    });
  }

  pass(): Plan {
    const result = plan(this.look(), this.memory, this.deaths, settings, this.now);
    this.deaths = new Map();
    this.memory = result.memory;
    for (const step of result.steps) {
      switch (step.do) {
        case 'start': {
          expect(this.of(step.name), 'two workers of one replica').toEqual([]);
          const generation = (this.generations.get(step.name) ?? 0) + 1;
          this.generations.set(step.name, generation);
          this.of(step.name).push({ generation, state: 'starting', lease: false });
          break;
        }
        case 'kill':
          this.die(step.name);
          break;
        case 'admit':
          expect(this.of(step.name).some((worker) => worker.state === 'ready' && worker.lease)).toBe(true);
          expect(this.desired.has(step.name)).toBe(true);
          this.ring.set(step.name, step.generation);
          break;
        case 'standby':
        case 'retire':
          throw new Error('nothing is outdated in this world');
        case 'evict':
          this.ring.delete(step.name);
          break;
        case 'offer':
          this.offered.add(step.name);
          break;
        case 'withdraw':
          this.offered.delete(step.name);
          break;
        case 'forget':
          expect(this.of(step.name)).toEqual([]);
          expect(this.adopters.has(step.name)).toBe(false);
          expect(this.backlog.get(step.name) ?? 0).toBe(0);
          this.retired.delete(step.name);
          break;
        default:
          step satisfies never;
      }
    }
    return result;
  }

  die(name: string): void {
    if (this.of(name).length === 0) return;
    this.workers.set(name, []);
    this.deaths.set(name, 'killed by SIGKILL');
    for (const [adopted, by] of this.adopters) if (by === name) this.adopters.delete(adopted);
  }

  /** A live worker adopts what is offered, where nobody has the lease. */
  adopt(name: string): void {
    if (!this.offered.has(name) || (this.backlog.get(name) ?? 0) === 0) return;
    if (this.of(name).some((worker) => worker.lease)) return;
    const adopter = [...this.workers].find(([each, list]) => each !== name && list.some((w) => w.lease));
    if (adopter !== undefined && !this.adopters.has(name)) this.adopters.set(name, adopter[0]);
  }

  /** What healthy workers do by themselves. */
  live(): void {
    for (const name of this.adopters.keys()) this.backlog.set(name, 0);
    // An adopter lets go when the owner waits, or nothing is left.
    this.adopters.clear();
    for (const name of this.offered) this.adopt(name);
    for (const [name, list] of this.workers) {
      if (list.length > 0) this.adopters.delete(name);
      for (const worker of list) {
        worker.lease = true;
        worker.state = 'ready';
      }
      if (list.length > 0 && this.retired.has(name)) {
        this.backlog.set(name, 0);
        this.die(name);
      }
    }
  }
}

describe('the controller', () => {
  const event = fc.record({
    what: fc.constantFrom('die', 'hang', 'live', 'remove', 'add', 'pass', 'restart', 'adopt', 'late'),
    name: fc.constantFrom('S1', 'S2', 'S3', 'S4'),
    ms: fc.integer({ min: 0, max: 5000 }),
  });

  it('never runs two workers of one replica, and comes to rest with all as desired, whatever happens before', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const world = new World();
        for (const { what, name, ms } of events) {
          world.now += ms;
          if (what === 'die') world.die(name);
          if (what === 'hang') for (const worker of world.of(name)) worker.lease = false;
          if (what === 'live') world.live();
          if (what === 'restart') world.memory = new Map();
          if (what === 'adopt') world.adopt(name);
          if (what === 'late') world.backlog.set(name, 2);
          if (what === 'remove' && world.desired.delete(name)) {
            world.ring.delete(name);
            world.retired.set(name, world.now);
            world.backlog.set(name, ms % 3);
          }
          if (what === 'add') {
            world.desired.add(name);
            world.retired.delete(name);
          }
          world.pass();
        }
        for (let passes = 0; passes < 200; passes += 1) {
          world.now += 500;
          world.live();
          world.pass();
        }
        expect(new Set(world.ring.keys())).toEqual(world.desired);
        expect([...world.offered]).toEqual([]);
        expect([...world.retired.keys()]).toEqual([]);
        for (const name of world.desired) expect(world.of(name)).toHaveLength(1);
        expect(world.pass().steps).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});
