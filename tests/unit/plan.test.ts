import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Lease } from '#shared/contract/lease.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Observed } from '../../gateway/controller/observe.ts';
import { plan } from '../../gateway/controller/plan.ts';
import { renderStep } from '../../gateway/controller/step.ts';
import type { Memory, Plan } from '../../gateway/controller/plan.ts';
import { backoffMs } from '../../gateway/controller/replica-state.ts';
import { desired, happenings, lease, observed, settings, World } from '../fixtures/plan-world.ts';

const lines = ({ steps }: Plan): string[] => steps.map(renderStep);

const remember = (status: Partial<ReplicaStatus>): Memory =>
  new Map([['S1', { state: 'ready', since: 0, generation: 1, failures: 0, ...status }]]);

describe('plan', () => {
  it('starts a worker of a desired replica that is new', () => {
    const result = plan(observed({ desired: desired('S1') }), new Map(), new Map(), settings, 1000);
    expect(lines(result)).toEqual(['start S1: no worker runs']);
    expect(result.memory.get('S1')).toMatchObject({ state: 'starting', since: 1000 });
  });

  it('admits a replica to the ring when its worker takes jobs', () => {
    const world = observed({ desired: desired('S1'), leases: new Map([['S1', lease(3)]]) });
    expect(lines(plan(world, new Map(), new Map(), settings, 0))).toEqual(['admit S1#3: it is ready']);
  });

  it('starts at most MAX_REPLICAS replicas, the oldest ones, and gives the others this reason', () => {
    const members = desired('S1', 'S2', 'S3').toReversed();
    const limited = { ...settings, maxReplicas: 2 };
    const result = plan(observed({ desired: members }), new Map(), new Map(), limited, 1000);
    expect(lines(result).toSorted()).toEqual(['start S1: no worker runs', 'start S2: no worker runs']);
    expect(result.memory.get('S3')).toMatchObject({
      state: 'lost',
      reason: 'MAX_REPLICAS is 2, and older ones come first',
    });
  });

  it('starts no replica for which UPSTREAMS has no server, and says so', () => {
    const upstreams = ['http://a', 'http://b'];
    const positions = new Map([
      ['S2', 0],
      ['S3', 1],
    ]);
    const world = observed({ desired: desired('S1', 'S2', 'S3'), upstreams, positions });
    const result = plan(world, new Map(), new Map(), settings, 1000);
    expect(lines(result).toSorted()).toEqual(['start S2: no worker runs', 'start S3: no worker runs']);
    expect(result.memory.get('S1')).toMatchObject({
      state: 'lost',
      reason: 'UPSTREAMS lists 2 servers, and other replicas use them',
    });
  });

  it('keeps a running worker beyond MAX_REPLICAS, but does not replace it', () => {
    const members = desired('S1', 'S2');
    const limited = { ...settings, maxReplicas: 1 };
    const leases = new Map([
      ['S1', lease(1)],
      ['S2', lease(1)],
    ]);
    const instances = ['S1', 'S2'].map((name) => ({ name, generation: 1, id: name, outdated: false }));
    const ring = new Map([
      ['S1', 1],
      ['S2', 1],
    ]);
    const running = observed({ desired: members, leases, instances, ring });
    const before = plan(running, new Map(), new Map(), limited, 1000);
    expect(lines(before)).toEqual([]);
    expect(before.memory.get('S2')?.reason).toBeUndefined();
    const dead = observed({ desired: members, leases: new Map([['S1', lease(1)]]), ring });
    const after = plan(dead, before.memory, new Map([['S2', 'killed by SIGKILL']]), limited, 2000);
    expect(lines(after)).toEqual([]);
  });

  it('rolls workers out although a replica beyond MAX_REPLICAS is not ready', () => {
    const world = observed({
      desired: desired('S1', 'S2'),
      leases: new Map([['S1', lease(1)]]),
      ring: new Map([['S1', 1]]),
      instances: [{ name: 'S1', generation: 1, id: '1', outdated: true }],
    });
    const limited = { ...settings, maxReplicas: 1 };
    expect(lines(plan(world, new Map(), new Map(), limited, 0))).toEqual([
      'standby S1: it was started from another configuration',
    ]);
  });

  it('lets an idle replica be if none is to sleep', () => {
    const idle = { ...lease(1), idle: { since: 0, remembers: false } };
    const leases = new Map([['S1', idle]]);
    const world = observed({ desired: desired('S1'), leases, ring: new Map([['S1', 1]]) });
    expect(lines(plan(world, new Map(), new Map(), settings, 60_000))).toEqual([]);
  });

  it('does nothing if all is as desired', () => {
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

  it('takes a replica out of the ring if it was lost for longer than FAILOVER_MS', () => {
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

  it('kills a worker whose lease ran out before it starts another one', () => {
    const world = observed({
      desired: desired('S1'),
      instances: [{ name: 'S1', generation: 1, id: '7', outdated: false }],
    });
    const first = plan(world, remember({}), new Map(), settings, 0);
    expect(lines(first)).toEqual(['kill S1#1: its lease ran out']);
    const gone = plan(observed({ desired: desired('S1') }), first.memory, new Map(), settings, 10);
    expect(lines(gone)).toEqual(['start S1: its lease ran out']);
  });

  it('kills no worker because of a missing lease if Redis was away', () => {
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

  it('waits for a worker that is being started and is not listed yet', () => {
    const world = observed({ desired: desired('S1'), starting: new Set(['S1']) });
    const memory = remember({ state: 'starting', since: 0, lostAt: 0 });
    expect(lines(plan(world, memory, new Map(), settings, 500))).toEqual([]);
  });

  it('replaces a starting worker that is gone without a report', () => {
    const memory = remember({ state: 'starting', since: 0, lostAt: 0 });
    expect(lines(plan(observed({ desired: desired('S1') }), memory, new Map(), settings, 500))).toEqual([
      'start S1: its worker is gone',
    ]);
  });

  it('replaces a leaving worker that it knows only from the lease', () => {
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

  it('starts a worker of a retired replica for its suspects, which no other worker may run', () => {
    const world = observed({
      desired: desired('S2'),
      leases: new Map([['S2', lease(1)]]),
      ring: new Map([['S2', 1]]),
      retired: new Map([['S1', 0]]),
      backlog: new Map([['S1', 1]]),
      suspects: new Map([['S1', 1]]),
    });
    const memory = remember({ state: 'draining' });
    expect(lines(plan(world, memory, new Map([['S1', 'exited with code 1']]), settings, 100))).toContain(
      'start S1: exited with code 1',
    );
    const without = { ...world, suspects: new Map() };
    expect(lines(plan(without, memory, new Map([['S1', 'x']]), settings, 100)).join()).not.toContain('start');
  });

  it('forgets an empty retired replica, but not before all gateways know of its removal', () => {
    const world = observed({ retired: new Map([['S1', 0]]), backlog: new Map([['S1', 0]]) });
    expect(lines(plan(world, remember({}), new Map(), settings, 2999))).toEqual([]);
    expect(lines(plan(world, remember({}), new Map(), settings, 3000))).toEqual([
      'forget S1: it is removed and holds nothing',
    ]);
  });

  it('starts a worker of a retired replica for the jobs that it still holds', () => {
    const world = observed({ retired: new Map([['S1', 0]]), backlog: new Map([['S1', 2]]) });
    const deaths = new Map([['S1', 'killed by SIGKILL']]);
    const memory = remember({ state: 'draining' });
    expect(lines(plan(world, memory, deaths, settings, 5000))).toEqual(['start S1: killed by SIGKILL']);
  });

  it('offers the queue of a replica out of the ring while it holds jobs and no worker serves it', () => {
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
    const stepsFor = (parts: Partial<Observed>): string[] =>
      lines(plan({ ...world, ...parts }, memory, new Map(), settings, 3000));
    const both = new Map([
      ['S1', 1],
      ['S2', 1],
    ]);
    const offered = new Set(['S1']);
    const adopted = { ...lease(0, 'adopted'), adopter: 'S2#1' };
    const leases = (own: Lease): Map<string, Lease> => new Map([...world.leases, ['S1', own]]);
    expect(stepsFor({})).toEqual(['offer S1: nobody serves the 5 jobs it holds']);
    // While S1 is in the ring, its next worker may be ready soon.
    expect(stepsFor({ ring: both, backlog: new Map() })).toEqual([
      'evict S1: not ready for more than 2000 ms',
    ]);
    expect(stepsFor({ backlog: new Map([['S1', 0]]) })).toEqual([]);
    // No worker is there to adopt it.
    expect(stepsFor({ leases: new Map() })).toEqual(['start S2: its lease ran out']);
    // Its worker may live, and renew a lease that Redis has lost.
    expect(stepsFor({ blind: true })).toEqual([]);
    expect(stepsFor({ offered })).toEqual([]);
    expect(stepsFor({ offered, blind: true })).toEqual([]);
    expect(stepsFor({ offered, leases: leases(adopted), backlog: new Map([['S1', 0]]) })).toEqual([]);
    expect(stepsFor({ offered, leases: leases(lease(2)) })).toEqual([
      'admit S1#2: it is ready',
      'withdraw S1: it is served, or holds nothing',
    ]);
  });

  it('starts a worker although an adopter serves the queue, and lets it wait for the adopter', () => {
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

  it('offers the queue of a retired replica whose worker died, and forgets it when it is empty', () => {
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

  it('infers no death from a missing lease after Redis was away, unless a controller reported it', () => {
    const world = observed({ desired: desired('S1'), ring: new Map([['S1', 1]]), blind: true });
    expect(lines(plan(world, remember({}), new Map(), settings, 2000))).toEqual([]);
    const reported = { ...world, ended: new Map([['S1', 1]]) };
    const result = plan(reported, remember({}), new Map(), settings, 2000);
    expect(lines(result)).toEqual(['start S1: its worker ended']);
    // The report stays for a while. It is not about the worker that was started since.
    expect(lines(plan(reported, result.memory, new Map(), settings, 2100))).toEqual([]);
    const instances = [{ name: 'S1', generation: 2, id: '7', outdated: false }];
    expect(lines(plan({ ...reported, instances }, result.memory, new Map(), settings, 2100))).toEqual([]);
    const renewed = { ...reported, leases: new Map([['S1', lease(2)]]) };
    expect(lines(plan(renewed, result.memory, new Map(), settings, 2200))).toEqual([
      'admit S1#2: it is ready',
    ]);
  });

  it('replaces a dead replica by one with a new name, and keeps the back-off', () => {
    const renaming = { ...settings, newName: vi.fn<() => string>().mockReturnValue('S7') };
    const world = observed({ desired: desired('S1'), ring: new Map([['S1', 1]]) });
    const deaths = new Map([['S1', 'killed by SIGKILL']]);
    const first = plan(world, remember({ failures: 2 }), deaths, renaming, 100);
    expect(lines(first)).toEqual(['replace S1 by S7: killed by SIGKILL']);
    expect(first.memory.get('S7')).toMatchObject({ generation: 0, since: 100 });
    const unexplained = plan(world, remember({ state: 'lost', dead: true }), new Map(), renaming, 100);
    expect(lines(unexplained)).toEqual(['replace S1 by S7: its worker ended']);
    const replaced = observed({
      desired: desired('S7'),
      retired: new Map([['S1', 100]]),
      heirs: new Map([['S1', 'S7']]),
      backlog: new Map([
        ['S1', 2],
        ['S7', 0],
      ]),
      suspects: new Map([['S1', 1]]),
    });
    const second = plan(replaced, first.memory, new Map(), renaming, 200);
    // Only the heir may adopt the queue, and no worker of S1 is started for its suspects.
    expect(lines(second)).toEqual(['offer S1: nobody serves the 2 jobs it holds']);
    expect(second.memory.get('S7')).toMatchObject({
      state: 'lost',
      failures: 3,
      reason: 'killed by SIGKILL',
    });
    const offered = { ...replaced, offered: new Set(['S1']) };
    expect(lines(plan(offered, second.memory, new Map(), renaming, 2099))).toEqual([]);
    expect(lines(plan(offered, second.memory, new Map(), renaming, 2100))).toEqual([
      'start S7: killed by SIGKILL',
    ]);
  });

  it('keeps the name of a replica whose lease ran out, whose worker leaves, or that was never ready', () => {
    const renaming = { ...settings, newName: () => 'S7' };
    const stepsFor = (
      parts: Partial<Observed>,
      memory: Memory,
      deaths: readonly [string, string][] = [],
    ): string[] =>
      lines(plan(observed({ desired: desired('S1'), ...parts }), memory, new Map(deaths), renaming, 100));
    expect(stepsFor({ ring: new Map([['S1', 1]]) }, remember({}))).toEqual(['start S1: its lease ran out']);
    expect(stepsFor({ leases: new Map([['S1', lease(1, 'leaving')]]) }, remember({}))).toEqual([]);
    const starting = remember({ state: 'starting', generation: 0, lostAt: 0 });
    expect(stepsFor({}, starting, [['S1', 'exited with code 1']])).toEqual(['start S1: exited with code 1']);
    expect(stepsFor({}, new Map())).toEqual(['start S1: no worker runs']);
  });

  it('gives a new name to a replica whose worker hung, once that is killed', () => {
    const renaming = { ...settings, newName: () => 'S7' };
    const instances = [{ name: 'S1', generation: 1, id: '7', outdated: false }];
    const hangs = observed({ desired: desired('S1'), instances });
    const first = plan(hangs, remember({}), new Map(), renaming, 0);
    expect(lines(first)).toEqual(['kill S1#1: its lease ran out']);
    const killed = new Map([['S1', 'removed']]);
    const gone = observed({ desired: desired('S1') });
    // A standby of the replica may still take over.
    const awaited = { ...gone, standbys: new Map([['S1', 2]]) };
    expect(lines(plan(awaited, first.memory, killed, renaming, 10))).toEqual([]);
    expect(lines(plan(gone, first.memory, killed, renaming, 10))).toEqual([
      'replace S1 by S7: its lease ran out',
    ]);
  });

  it('replaces a replica if another controller reported that its worker ended', () => {
    const renaming = { ...settings, newName: () => 'S7' };
    const ended = new Map([['S1', 4]]);
    const world = observed({ desired: desired('S1'), ended });
    const stepsFor = (ring: ReadonlyMap<string, number>): string[] =>
      lines(plan({ ...world, ring }, new Map(), new Map(), renaming, 0));
    expect(stepsFor(new Map([['S1', 4]]))).toEqual(['replace S1 by S7: its worker ended']);
    // Since then, the replica was removed and added again.
    expect(stepsFor(new Map())).toEqual(['start S1: no worker runs']);
  });

  it('gives a replacement no name that is in use', () => {
    const newName = vi
      .fn<() => string>()
      .mockReturnValueOnce('S2')
      .mockReturnValueOnce('S3')
      .mockReturnValueOnce('S6')
      .mockReturnValueOnce('S4')
      .mockReturnValueOnce('S4')
      .mockReturnValueOnce('S5');
    const world = observed({
      desired: desired('S1', 'S2'),
      retired: new Map([['S3', 0]]),
      instances: [{ name: 'S6', generation: 1, id: '6', outdated: false }],
    });
    const status = { state: 'ready', since: 0, generation: 1, failures: 0 } as const;
    const both: Memory = new Map([
      ['S1', status],
      ['S2', status],
    ]);
    const deaths = new Map([
      ['S1', 'x'],
      ['S2', 'x'],
    ]);
    const result = plan(world, both, deaths, { ...settings, newName }, 0);
    expect(result.steps.flatMap((step) => (step.do === 'replace' ? [step.by] : []))).toEqual(['S4', 'S5']);
  });

  it('ends an inheritance if the heir was removed or the replica was added again', () => {
    const leases = new Map([['S2', lease(1)]]);
    const world = observed({ desired: desired('S2'), leases, ring: new Map([['S2', 1]]) });
    const heirs = new Map([['S1', 'S7']]);
    const ending = 'disinherit S1: it or its heir is gone';
    expect(lines(plan({ ...world, heirs }, new Map(), new Map(), settings, 0))).toEqual([ending]);
    const retired = new Map([['S1', 0]]);
    const kept = { ...world, retired, heirs: new Map([['S1', 'S2']]), backlog: new Map([['S1', 0]]) };
    expect(lines(plan(kept, new Map(), new Map(), settings, 0))).toEqual([]);
  });

  it('kills workers of a replica that does not exist', () => {
    const world = observed({ instances: [{ name: 'S9', generation: 1, id: '7', outdated: false }] });
    expect(lines(plan(world, new Map(), new Map(), settings, 0))).toEqual([
      'kill S9#1: there is no such replica',
    ]);
  });
});

describe('the controller', () => {
  const event = fc.record({
    what: fc.constantFrom(...happenings),
    name: fc.constantFrom('S1', 'S2', 'S3', 'S4'),
    ms: fc.integer({ min: 0, max: 5000 }),
  });

  it.each(['same', 'new'] as const)(
    'never runs two workers of one replica and always reaches the desired state: RESPAWN=%s',
    (respawn) => {
      fc.assert(
        fc.property(fc.array(event, { maxLength: 40 }), (events) => {
          const world = new World(['S1', 'S2', 'S3'], respawn);
          for (const { what, name, ms } of events) {
            world.happen(what, name, ms);
            world.pass();
          }
          expect(world.settle()).toEqual([]);
        }),
        { numRuns: 1000 },
      );
    },
  );
});
