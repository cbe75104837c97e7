import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Keys } from '#shared/store/keys/keys.ts';
import { createLogger } from '#shared/process/logger.ts';
import { RingMismatchError, RingStore } from '#shared/store/ring/ring-store.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import type { RingMember } from '#shared/ring/ring.ts';
import { defaultParameters } from '#shared/ring/strategies.ts';
import { maxTombstones } from '#shared/store/scripts/ring.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { rawScripts } from '../fixtures/raw-scripts.ts';
import type { RunRaw } from '../fixtures/raw-scripts.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

interface Parts {
  readonly store: RingStore;
  readonly keys: Keys;
  readonly run: RunRaw;
  /** Reads all ring data in Redis. */
  readonly everything: () => Promise<unknown>;
}

function parts(): Parts {
  const { redis, keys } = system();
  return {
    store: new RingStore(new Connection(redis, keys.prefix), createLogger('test', 'silent')),
    keys,
    run: rawScripts(redis),
    everything: () =>
      Promise.all([
        redis.mget(keys.version, keys.joined, keys.leader, keys.fence, keys.parameters),
        ...[keys.desired, keys.ring, keys.retired].map((key) => redis.hgetall(key)),
      ]),
  };
}

const member = (name: string, joined: number): RingMember => ({ name, joined, weight: 1 });
const namesOf = ({ desired }: RingState): string[] => desired.map(({ name }) => name);

/** Adds the first desired replicas to a new namespace. */
function seed(store: RingStore, ...names: string[]): Promise<RingState> {
  const add = names.map((name, at) => member(name, at + 1));
  return store.changeDesired(() => ({ add, remove: [] }), 1000);
}

function removeAt(store: RingStore, now: number, ...remove: string[]): Promise<RingState> {
  return store.changeDesired(() => ({ add: [], remove }), now);
}

/** @returns the token of this controller, or null while another one leads. */
async function lead({ run, keys }: Parts, controller = 'c1', ttlMs = 60_000): Promise<string | null> {
  // As lead.lua returns.
  return (await run('lead', keys.leader, keys.fence, controller, ttlMs)) as string | null;
}

/** Subscribes to changes. @returns the messages, a growing list. */
async function hearChanges(): Promise<readonly string[]> {
  const { redis, keys } = system();
  const subscriber = redis.duplicate();
  onTestFinished(() => subscriber.disconnect());
  const heard: string[] = [];
  subscriber.on('message', (_: string, message: string) => heard.push(message));
  await subscriber.subscribe(keys.changes);
  return heard;
}

describe('read', () => {
  it('shows a namespace that never had desired replicas as version -1', async () => {
    const { store } = parts();
    expect(await store.read()).toEqual({
      version: -1,
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
    });
    expect((await store.read()).version).toBe(-1);
  });

  it('gives the desired replicas in numeric order of joining, 10 after 9', async () => {
    const { store } = parts();
    const names = Array.from({ length: 12 }, (_, at) => `r${12 - at}`);
    expect(namesOf(await seed(store, ...names))).toEqual(names);
  });

  it('returns a member as it was placed, with its slots', async () => {
    const { store } = parts();
    const placed = { ...member('S1', 1), slots: [25, 29, 35] };
    const state = await store.changeDesired(() => ({ add: [placed], remove: [] }), 1000);
    expect(state.desired).toEqual([placed]);
  });
});

describe('changeDesired', () => {
  it('raises the version by one for each change and keeps the last joining number', async () => {
    const { store } = parts();
    const first = await seed(store, 'S1', 'S2', 'S3');
    expect(first).toMatchObject({ version: 1, joined: 3 });
    const second = await removeAt(store, 2000, 'S3', 'S2');
    expect(second).toMatchObject({ version: 2, joined: 3, desired: [member('S1', 1)] });
  });

  it('takes a removed replica out of the ring and retires it in the same step', async () => {
    const all = parts();
    await seed(all.store, 'S1', 'S2');
    const token = String(await lead(all));
    await all.store.changeRing(token, [{ name: 'S1', generation: 4 }], []);
    const state = await removeAt(all.store, 2000, 'S1');
    expect(namesOf(state)).toEqual(['S2']);
    expect(state.ring).toEqual(new Map());
    expect(state.retired).toEqual(new Map([['S1', 2000]]));
  });

  it('ends the retirement of a replica that is added again, without putting it into the ring', async () => {
    const { store } = parts();
    await seed(store, 'S1', 'S2');
    await removeAt(store, 2000, 'S1', 'S2');
    const state = await store.changeDesired(() => ({ add: [member('S1', 3)], remove: [] }), 3000);
    expect(state).toMatchObject({ joined: 3, desired: [member('S1', 3)], ring: new Map() });
    expect(state.retired).toEqual(new Map([['S2', 2000]]));
  });

  it('changes nothing if the callback decides so, or throws', async () => {
    const { store, everything } = parts();
    await seed(store, 'S1');
    const before = await everything();
    expect(namesOf(await store.changeDesired(() => undefined, 2000))).toEqual(['S1']);
    await expect(
      store.changeDesired(() => {
        throw new RangeError('no');
      }, 2000),
    ).rejects.toThrow(RangeError);
    expect(await everything()).toEqual(before);
  });

  it('decides again on the newer state if another change came first, so that both are made', async () => {
    const { store, keys } = parts();
    const { redis } = system();
    await seed(store, 'S1');
    const seen: string[][] = [];
    let interfered: Promise<unknown> | undefined;
    const state = await store.changeDesired((current) => {
      seen.push(namesOf(current));
      // Sent in the same turn of the event loop, so it reaches Redis before the script of this change.
      interfered ??= redis
        .pipeline()
        .hset(keys.desired, 'X', JSON.stringify(member('X', 2)))
        .incr(keys.version)
        .exec();
      return { add: [member('S3', 3)], remove: ['S1'] };
    }, 2000);
    await interfered;
    expect(seen).toEqual([['S1'], ['S1', 'X']]);
    expect(namesOf(state)).toEqual(['X', 'S3']);
    expect(state.version).toBe(3);
  });

  it('changes nothing if the ring is not at the expected version', async () => {
    const { store, run, keys, everything } = parts();
    await seed(store, 'S1');
    const before = await everything();
    const heard = await hearChanges();
    const { version, desired, ring, retired, joined, upstreamPositions, changes } = keys;
    const { drained, restarts, slowStarts, autoscale, leader, ejections, joining, tombstones } = keys;
    const first = [version, desired, ring, retired, joined, upstreamPositions];
    const others = [drained, restarts, slowStarts, autoscale, leader, ejections, joining, tombstones];
    const numbers = (expected: number) => [expected, 2000, changes, 2, 1, 0, '', '', '', 0];
    for (const expected of [-1, 0, 2]) {
      const own = ['S2', JSON.stringify(member('S2', 2)), 'S1'];
      expect(await run('change-desired', ...first, ...others, ...numbers(expected), ...own)).toBe(-2);
    }
    expect(await everything()).toEqual(before);
    await removeAt(store, 3000, 'S1');
    await vi.waitFor(() => expect(heard).toEqual(['desired']), { interval: 5 });
  });

  it('serialises concurrent changes: each is made once, on top of the one before', async () => {
    const { store } = parts();
    const changes = Array.from({ length: 40 }, (_, at) =>
      store.changeDesired(
        ({ joined }) => ({ add: [member(`a${at}`, joined + 1), member(`b${at}`, joined + 2)], remove: [] }),
        1000,
      ),
    );
    await Promise.all(changes);
    const { desired, version, joined } = await store.read();
    expect({ version, joined }).toEqual({ version: 40, joined: 80 });
    expect(desired.map((each) => each.joined)).toEqual(Array.from({ length: 80 }, (_, at) => at + 1));
    for (let at = 0; at < 80; at += 2) {
      expect(desired[at]?.name.slice(1)).toBe(desired[at + 1]?.name.slice(1));
    }
  });

  it('keeps only the last tombstones of replicas that joined by themselves', async () => {
    const { store, keys } = parts();
    const { redis } = system();
    await seed(store, 'a', 'b');
    await redis.hset(keys.joining, '+policy', '{}');
    const older = Array.from({ length: maxTombstones }, (_, at) => [`x-${at}`, String(at + 1)] as const);
    await redis.hset(keys.tombstones, Object.fromEntries(older));
    await store.changeDesired(() => ({ add: [], remove: ['a', 'b'], by: 'rm' }), 9_000_000);
    expect(await redis.hlen(keys.tombstones)).toBe(maxTombstones);
    const left = await redis.hmget(keys.tombstones, 'x-0', 'x-1', 'x-2', 'a', 'b');
    expect(left).toEqual([null, null, '3', '9000000', '9000000']);
  });

  it('accepts thousands of replicas in one change', async () => {
    const { store } = parts();
    const names = Array.from({ length: 2000 }, (_, at) => `r${at}`);
    expect(namesOf(await seed(store, ...names))).toEqual(names);
    expect((await removeAt(store, 2000, ...names)).retired.size).toBe(2000);
  });
});

describe('changeRing', () => {
  it.each([
    ['no controller leads', undefined],
    ['another controller leads', 'c2'],
  ])('changes nothing and returns false if %s', async (_, leader) => {
    const all = parts();
    const { store, everything } = all;
    await seed(store, 'S1', 'S2');
    await store.changeRing(String(await lead(all)), [{ name: 'S2', generation: 1 }], []);
    await system().redis.del(all.keys.leader);
    if (leader !== undefined) await lead(all, leader);
    const before = await everything();
    for (const token of ['c1#1', 'c1', 'c2#1', '', 'c2#']) {
      expect(await store.changeRing(token, [{ name: 'S1', generation: 1 }], ['S2'])).toBe(false);
    }
    expect(await everything()).toEqual(before);
  });

  it('admits and removes in one step that raises the version once', async () => {
    const all = parts();
    await seed(all.store, 'S1', 'S2', 'S3');
    const token = String(await lead(all));
    const heard = await hearChanges();
    const admit = ['S1', 'S2'].map((name) => ({ name, generation: 7 }));
    expect(await all.store.changeRing(token, admit, [])).toBe(true);
    expect(await all.store.changeRing(token, [{ name: 'S3', generation: 1 }], ['S1'])).toBe(true);
    const state = await all.store.read();
    expect(state.version).toBe(3);
    expect(Object.fromEntries(state.ring)).toEqual({ S2: 7, S3: 1 });
    await vi.waitFor(() => expect(heard).toEqual(['ring', 'ring']), { interval: 5 });
  });

  it('never admits a replica that is not desired: unknown, or just removed', async () => {
    const all = parts();
    await seed(all.store, 'S1', 'S2');
    await removeAt(all.store, 2000, 'S2');
    const token = String(await lead(all));
    const admit = ['S2', 'S9', 'S1'].map((name) => ({ name, generation: 1 }));
    expect(await all.store.changeRing(token, admit, [])).toBe(true);
    expect(Object.fromEntries((await all.store.read()).ring)).toEqual({ S1: 1 });
  });

  it('keeps the version if nothing changes: already admitted, unknown, or none', async () => {
    const all = parts();
    await seed(all.store, 'S1');
    const token = String(await lead(all));
    await all.store.changeRing(token, [{ name: 'S1', generation: 1 }], []);
    const heard = await hearChanges();
    const { version } = await all.store.read();
    await all.store.changeRing(token, [{ name: 'S9', generation: 1 }], ['S8']);
    await all.store.changeRing(token, [{ name: 'S1', generation: 1 }], []);
    await all.store.changeRing(token, [], []);
    expect((await all.store.read()).version).toBe(version);
    await all.store.changeRing(token, [], ['S1']);
    await vi.waitFor(() => expect(heard).toEqual(['ring']), { interval: 5 });
  });

  it('records a newer generation of a replica that is in the ring', async () => {
    const all = parts();
    await seed(all.store, 'S1');
    const token = String(await lead(all));
    for (const generation of [1, 2]) await all.store.changeRing(token, [{ name: 'S1', generation }], []);
    expect(await all.store.read()).toMatchObject({ version: 2, ring: new Map([['S1', 2]]) });
  });
});

describe('claimParameters', () => {
  const linear = defaultParameters('assignment');

  it('sets the parameters of a new namespace, and accepts the same again', async () => {
    const { store } = parts();
    await store.claimParameters(linear);
    await expect(store.claimParameters({ ...linear })).resolves.toBeUndefined();
  });

  it('lets exactly one of several different concurrent claims win', async () => {
    const { store } = parts();
    const claims = [1, 2, 3, 4, 5].map((virtualNodes) =>
      store.claimParameters(defaultParameters('murmur3', { virtualNodes })),
    );
    const settled = await Promise.allSettled(claims);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('refuses different parameters with the difference and a fix, and keeps the first', async () => {
    const { store, keys, everything } = parts();
    await store.claimParameters(linear);
    const before = await everything();
    const claim = store.claimParameters(
      defaultParameters('assignment', { virtualNodes: 3, probing: 'quadratic', slots: 64 }),
    );
    await expect(claim).rejects.toThrow(RingMismatchError);
    await expect(claim).rejects.toThrow(
      "This gateway's ring is not the one in Redis (slots: 64 here, 512 in Redis; " +
        'virtualNodes: 3 here, 9 in Redis; probing: quadratic here, linear in Redis). ' +
        'Use the same settings, another NAMESPACE, or, with ' +
        `every gateway stopped, delete the keys ${keys.parameters} and ${keys.desired}.`,
    );
    expect(await everything()).toEqual(before);
  });
});

describe('the leadership', () => {
  it('belongs to one controller until it resigns or its lease expires; tokens increase', async () => {
    const all = parts();
    const { redis, keys } = system();
    expect(await lead(all, 'c1')).toBe('c1#1');
    expect(await lead(all, 'c1')).toBe('c1#1');
    // A name that is a prefix of another one is not confused with it.
    for (const other of ['c', 'c10', 'c1#1', 'c2']) expect(await lead(all, other)).toBeNull();
    expect(await all.run('resign', keys.leader, 'c2#1', keys.changes)).toBe(0);
    expect(await all.run('resign', keys.leader, 'c1#1', keys.changes)).toBe(1);
    expect(await lead(all, 'c2', 20)).toBe('c2#2');
    await vi.waitFor(async () => expect(await redis.exists(keys.leader)).toBe(0), { interval: 5 });
    expect(await lead(all, 'c1')).toBe('c1#3');
    expect(await all.run('resign', keys.leader, 'c1#1', keys.changes)).toBe(0);
  });
});

describe('forget', () => {
  it('ends a retirement and changes nothing else', async () => {
    const { store } = parts();
    await seed(store, 'S1', 'S2');
    await removeAt(store, 2000, 'S1');
    const before = await store.read();
    expect(await store.forget('S1')).toBe(true);
    expect(await store.read()).toEqual({ ...before, retired: new Map() });
  });

  it('does nothing while the queue of the replica holds a job', async () => {
    const { store, keys, everything } = parts();
    await seed(store, 'S1');
    await removeAt(store, 2000, 'S1');
    const before = await everything();
    await system().redis.rpush(keys.unfinished('S1').wait, 'job');
    expect(await store.forget('S1')).toBe(false);
    expect(await everything()).toEqual(before);
  });
});
