import { describe, expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { createRing, defaultParameters, placeMember } from '#shared/ring/strategies.ts';
import type { Ring, RingMember, RingParameters } from '#shared/ring/ring.ts';
import type { LoadWord } from '#shared/store/queue/queue-loads.ts';
import { QueueCounts } from '../../gateway/dispatch/queue-counts.ts';
import { Loads } from '../../gateway/load/loads.ts';
import { Placement } from '../../gateway/load/placement.ts';
import type { Affinity } from '../../gateway/request/directives.ts';

const log = createLogger('test', 'silent');
const unsaid = { prioritized: undefined, concurrency: undefined };
const free = { affinity: undefined, ordered: false, hasRandomKey: false } as const;

interface World {
  readonly ring: Ring;
  readonly counts: QueueCounts;
  readonly loads: Loads;
  readonly placement: Placement;
  /** The replicas of each call that asked Redis. */
  readonly asked: (readonly string[])[];
  tell(replica: string, load: number): void;
}

interface Given {
  readonly parameters?: RingParameters;
  readonly weights?: readonly number[];
  readonly affinity?: Affinity;
  readonly random?: () => string;
  /** The parts of their weights that replicas have now. */
  readonly shares?: readonly number[];
  readonly read?: () => Promise<ReadonlyMap<string, LoadWord>>;
}

function world({ parameters, weights = [1, 1, 1], affinity = 'loose', random, ...more }: Given = {}): World {
  const used = parameters ?? defaultParameters('murmur3');
  let members: readonly RingMember[] = [];
  for (const [at, weight] of weights.entries())
    members = [...members, placeMember(used, members, { name: `S${at + 1}`, joined: at + 1, weight })];
  const ring = createRing(
    used,
    members.map((member, at) => ({ ...member, share: more.shares?.[at] ?? 1 })),
  );
  const counts = new QueueCounts();
  const asked: (readonly string[])[] = [];
  const read = (replicas: readonly string[]): Promise<ReadonlyMap<string, LoadWord>> => {
    asked.push(replicas);
    return more.read?.() ?? Promise.resolve(new Map());
  };
  const watcher = { ring };
  const loads = new Loads({ counts, watcher, queues: { read }, concurrency: 5, queueLimit: 1000, log });
  const placement = new Placement({ watcher, loads, affinity, bound: 1.5, ...(random && { random }) });
  const tell = (replica: string, load: number): void =>
    counts.of(replica).tell({ load, ...unsaid }, performance.now());
  return { ring, counts, loads, placement, asked, tell };
}

describe('a request with a key', () => {
  it('goes to the owner until that is at its cap, then to the next successor', () => {
    const { ring, placement, tell } = world({ weights: [1, 1, 1, 1] });
    const [owner = '', next = '', last = ''] = ring.successors('k');
    expect(placement.place('k', free)).toEqual({
      key: 'k',
      replica: owner,
      spilledFrom: undefined,
      maySpill: true,
    });
    tell(owner, 9);
    expect(placement.place('k', free)?.replica).toBe(owner);
    tell(owner, 10);
    expect(placement.place('k', free)).toMatchObject({ replica: next, spilledFrom: owner });
    tell(owner, 20);
    tell(next, 20);
    expect(placement.place('k', free)).toMatchObject({ replica: last, spilledFrom: owner });
  });

  it('goes to the owner while that is below its cap, although it has more than its slots', () => {
    const { ring, placement, tell } = world();
    const [owner = '', ...others] = ring.successors('k');
    for (const name of others) tell(name, 20);
    tell(owner, 20);
    expect(placement.place('k', free)).toEqual({
      key: 'k',
      replica: owner,
      spilledFrom: undefined,
      maySpill: true,
    });
  });

  it('goes nowhere on an empty ring', () => {
    const { placement } = world({ weights: [] });
    expect(placement.place('k', free)).toBeUndefined();
    expect(placement.place('k', { ...free, ordered: true })).toBeUndefined();
    expect(placement.place('k', { ...free, hasRandomKey: true })).toBeUndefined();
    expect(placement.placeAnywhere()).toBeUndefined();
  });

  it('is explained by loads that are read for that', async () => {
    const { placement, asked } = world();
    await placement.explain('k');
    expect(asked).toEqual([['S1', 'S2', 'S3']]);
  });

  it.each([
    ['AFFINITY=strict', 'strict', free],
    ['Ringpost-Affinity: strict', 'loose', { ...free, affinity: 'strict' }],
    ['Ringpost-Order: key', 'loose', { ...free, ordered: true }],
    ['both', 'loose', { ...free, ordered: true, affinity: 'loose' }],
  ] as const)('never spills with %s, and then Redis is not asked', (_, affinity, wanted) => {
    const { ring, placement, tell, asked } = world({ affinity });
    tell(ring.owner('k') ?? '', 1000);
    expect(placement.place('k', wanted)).toMatchObject({
      replica: ring.owner('k'),
      spilledFrom: undefined,
      maySpill: false,
    });
    expect(asked).toEqual([]);
  });

  it('does not spill to a replica that has left the ring, as one that is ejected, and counts no load of it', () => {
    const before = world();
    const { counts, loads } = before;
    for (const [name, load] of [
      ['S1', 4],
      ['S2', 4],
      ['S3', 500],
    ] as const)
      before.tell(name, load);
    const now = performance.now();
    expect(loads.total(now)).toEqual({ load: 508, weight: 3 });
    const members = before.ring.members.filter(({ name }) => name !== 'S3');
    const ring = createRing(before.ring.parameters, members);
    const read = () => Promise.resolve(new Map<string, LoadWord>());
    const after = new Loads({
      counts,
      watcher: { ring },
      queues: { read },
      concurrency: 5,
      queueLimit: 9,
      log,
    });
    expect(after.total(now)).toEqual({ load: 8, weight: 2 });
    expect(after.of('S3', now)).toBeUndefined();
  });

  it('spills with AFFINITY=strict if it says loose itself', () => {
    const { ring, placement, tell } = world({ affinity: 'strict' });
    const owner = ring.owner('k') ?? '';
    tell(owner, 10);
    expect(placement.place('k', { ...free, affinity: 'loose' })?.spilledFrom).toBe(owner);
  });

  it("counts the CONCURRENCY that a replica's worker has registered, not the gateway's own", () => {
    const { ring, counts, placement } = world();
    const owner = ring.owner('k') ?? '';
    counts.of(owner).tell({ load: 30, ...unsaid, concurrency: 20 }, performance.now());
    expect(placement.place('k', free)?.spilledFrom).toBeUndefined();
    // Its registration is gone while it is paused; it has as many slots afterwards.
    counts.of(owner).tell({ load: 39, ...unsaid }, performance.now());
    expect(placement.place('k', free)?.spilledFrom).toBeUndefined();
    counts.of(owner).tell({ load: 40, ...unsaid }, performance.now());
    expect(placement.place('k', free)?.spilledFrom).toBe(owner);
  });

  it('counts what this gateway has sent since the last word of Redis', () => {
    const { ring, counts, placement } = world();
    const owner = ring.owner('k') ?? '';
    for (let at = 0; at < 10; at += 1) counts.of(owner).send();
    expect(placement.place('k', free)?.spilledFrom).toBe(owner);
    for (let at = 0; at < 10; at += 1) counts.of(owner).drop();
    expect(placement.place('k', free)?.spilledFrom).toBeUndefined();
  });

  it('leaves the loads of replicas out that have left the ring', () => {
    const { ring, placement, loads, tell } = world();
    const owner = ring.owner('k') ?? '';
    tell(owner, 10);
    tell('S9', 100_000);
    expect(loads.total(performance.now()).load).toBe(10);
    expect(placement.place('k', free)?.spilledFrom).toBe(owner);
  });

  it('asks for the loads of all replicas once, when the first request comes that may spill', async () => {
    const { placement, asked, loads, counts } = world();
    for (let at = 0; at < 10; at += 1) placement.place(`k${at}`, free);
    expect(asked).toEqual([['S1', 'S2', 'S3']]);
    counts.of('S2').tell({ load: 1, ...unsaid, prioritized: 0 }, performance.now());
    await loads.refresh();
    expect(asked).toEqual([
      ['S1', 'S2', 'S3'],
      ['S1', 'S3'],
    ]);
  });
});

it('asks for the loads of replicas that keep telling them, since only a read counts priorities', async () => {
  const { placement, asked, loads, tell } = world();
  placement.place('k', free);
  for (const name of ['S1', 'S2', 'S3']) tell(name, 1);
  await loads.refresh();
  expect(asked).toHaveLength(2);
});

it('an answer that is read late does not replace the word of a job that was added meanwhile', async () => {
  const { promise, resolve } = Promise.withResolvers<ReadonlyMap<string, LoadWord>>();
  const { loads, counts, tell } = world({ read: () => promise });
  const reading = loads.readAll();
  counts.of('S1').send();
  tell('S1', 9);
  counts.of('S1').arrive();
  resolve(new Map(['S1', 'S2'].map((name) => [name, { load: 0, prioritized: 3, concurrency: 8 }])));
  await reading;
  const now = performance.now();
  expect(loads.of('S1', now)).toMatchObject({ load: 13, concurrency: 8 });
  expect(loads.of('S2', now)).toMatchObject({ load: 3, concurrency: 8 });
});

describe('a replica that starts slowly', () => {
  const given = { weights: [1, 4], shares: [1, 0.1] };

  it('has a cap by the weight that it has now', async () => {
    const { ring, placement, loads, tell } = world(given);
    tell('S1', 90);
    expect(loads.total(performance.now()).weight).toBeCloseTo(1.4);
    const keys = Array.from({ length: 200 }, (_, at) => String(at));
    const key = keys.find((each) => ring.owner(each) === 'S2') ?? '';
    // Its cap: 1.5 * 162 * 0.4 / 1.4, rounded up.
    tell('S2', 71);
    expect(placement.place(key, free)).toMatchObject({ replica: 'S1', spilledFrom: 'S2' });
    const view = await placement.explain(key);
    expect(view?.candidates.find(({ name }) => name === 'S2')).toMatchObject({ weight: 0.4, cap: 70 });
  });

  it('gets fewer of the requests with random keys', () => {
    const { loads, tell } = world(given);
    tell('S1', 3);
    tell('S2', 2);
    const now = performance.now();
    expect([loads.relative('S1', now), loads.relative('S2', now)]).toEqual([3, 5]);
  });
});

describe('a request with a random key', () => {
  const random = { ...free, hasRandomKey: true };

  it('goes to the less loaded of two replicas, with a key that this one owns', () => {
    const keys = Array.from({ length: 200 }, (_, at) => String(at));
    const { ring } = world();
    const of = (name: string): string => keys.find((key) => ring.owner(key) === name) ?? '';
    for (const affinity of ['strict', 'loose'] as const) {
      const { placement, tell, asked } = world({ affinity, random: () => of('S2') });
      tell('S1', 5);
      tell('S2', 4);
      const placed = { key: of('S2'), replica: 'S2', spilledFrom: undefined, maySpill: false };
      expect(placement.place(of('S1'), random)).toEqual(placed);
      tell('S2', 5);
      expect(placement.place(of('S1'), random)).toMatchObject({ key: of('S1'), replica: 'S1' });
      expect(asked).toEqual([]);
    }
  });

  it('goes to the first of them if either load is unknown', () => {
    const { ring } = world();
    const second = Array.from({ length: 200 }, (_, at) => String(at)).find(
      (key) => ring.owner(key) !== ring.owner('k'),
    );
    const { placement, tell } = world({ random: () => second ?? '' });
    tell(ring.owner('k') ?? '', 100);
    expect(placement.place('k', random)).toEqual({
      key: 'k',
      replica: ring.owner('k'),
      spilledFrom: undefined,
      maySpill: false,
    });
  });

  it('goes to an idle one of two replicas if the other has a single request', () => {
    const { ring, placement, tell } = world({ weights: [1, 1], random: () => second });
    const keys = Array.from({ length: 200 }, (_, at) => String(at));
    const second = keys.find((key) => ring.owner(key) !== ring.owner('k')) ?? '';
    tell(ring.owner('k') ?? '', 1);
    tell(ring.owner(second) ?? '', 0);
    expect(placement.place('k', random)).toMatchObject({ key: second, replica: ring.owner(second) });
  });

  it('is a new random key if the request may go anywhere', () => {
    const { ring, placement } = world({ random: () => 'some key' });
    expect(placement.placeAnywhere()).toMatchObject({ key: 'some key', replica: ring.owner('some key') });
  });

  it('goes to the owner of its key on an assignment ring, whatever the load', () => {
    const { ring, placement, tell } = world({ parameters: defaultParameters('assignment') });
    for (let key = 100_000; key < 100_300; key += 1) {
      for (const name of ['S1', 'S2', 'S3']) tell(name, name === ring.owner(String(key)) ? 500 : 0);
      expect(placement.place(String(key), random)?.replica).toBe(ring.owner(String(key)));
    }
  });

  it('spreads by weight, and evens loads out', () => {
    let seed = 1;
    const next = (): string => String((seed = (seed * 48_271) % 2_147_483_647));
    const { placement, tell } = world({ weights: [1, 3], random: next });
    const loads = new Map([
      ['S1', 0],
      ['S2', 0],
    ]);
    for (let at = 0; at < 4000; at += 1) {
      const replica = placement.place(next(), random)?.replica ?? '';
      loads.set(replica, (loads.get(replica) ?? 0) + 1);
      for (const [name, load] of loads) tell(name, load);
    }
    // Within a hundredth of the shares of their weights; plain hashing is off by several hundredths.
    expect((loads.get('S1') ?? 0) / 4000).toBeCloseTo(0.25, 2);
  });
});
