import { describe, expect, it } from 'vitest';
import type { RingReplicaView } from '#shared/contract/ring-view.ts';
import { troublesOf } from '../../gateway/api/troubles.ts';
import type { Watched, WatchedReplica } from '../../gateway/api/troubles.ts';

const now = 1_000_000;
const none = { waiting: 0, active: 0, streams: 0, delayed: 0, prioritized: 0 };

function replica(more: Partial<RingReplicaView & WatchedReplica> = {}): RingReplicaView & WatchedReplica {
  return {
    name: 'S1',
    joined: 1,
    weight: 1,
    inRing: true,
    state: 'ready',
    since: now - 60_000,
    generation: 1,
    failures: 0,
    clockAheadMs: 0,
    crash: null,
    oldestMs: null,
    depths: none,
    hold: null,
    eventLoopLagMs: 2,
    version: '1.0.0',
    ...more,
  };
}

const gateway = {
  name: 'g1',
  role: 'both',
  address: 'http://127.0.0.1:5000',
  host: 'here',
  pid: 1,
  version: '1.0.0',
  since: 0,
  at: now,
  rssBytes: 1,
  heapBytes: 1,
  eventLoopLagMs: 5,
  inFlight: 0,
  heldBytes: 0,
  counts: {},
} as const;

const redis = {
  version: '7.0.0',
  policy: 'noeviction',
  maxMemoryBytes: 0,
  usedMemoryBytes: 1,
  appendOnly: true,
  writeFailed: false,
  snapshotFailed: false,
  isReplica: false,
  product: 'Redis',
};

function watched(more: Partial<Watched> = {}): Watched {
  return {
    now,
    leader: 'g1#1',
    driverTrouble: null,
    replicas: [replica()],
    retired: [],
    deadLetters: 0,
    callbacks: { retrying: 0, undelivered: 0 },
    gateways: [gateway],
    clockAheadMs: 0,
    refusal: undefined,
    redis,
    startTimeoutMs: 15_000,
    ...more,
  };
}

const texts = (more: Partial<Watched>, onlyViews = false): string[] =>
  troublesOf(watched(more), onlyViews).map(({ level, code, text }) => `${level} ${code}: ${text}`);

it('finds nothing wrong with a system that is well', () => {
  expect(troublesOf(watched(), false)).toEqual([]);
  expect(troublesOf(watched({ redis: undefined }), true)).toEqual([]);
});

describe('a replica that is lost', () => {
  const lost = replica({ state: 'lost', since: now - 14_200, inRing: false, reason: 'exited with code 1' });

  it('is named with the time and the reason, and with the one of its crash if that is of its generation', () => {
    expect(texts({ replicas: [lost] })).toContain(
      'error replica_lost: S1 has been lost for 14 s: exited with code 1.',
    );
    const crash = { generation: 1, reason: 'out of memory' };
    expect(texts({ replicas: [{ ...lost, crash }] })).toContain(
      'error replica_lost: S1 has been lost for 14 s: out of memory.',
    );
  });

  it('shows no reason to a viewer', () => {
    expect(texts({ replicas: [lost] }, true)).toContain('error replica_lost: S1 has been lost for 14 s.');
  });

  it('is a warning while it keeps its keys, unless it was lost many times', () => {
    const kept = { ...lost, inRing: true };
    expect(texts({ replicas: [kept] })).toEqual([
      'warning replica_lost: S1 has been lost for 14 s: exited with code 1.',
    ]);
    expect(texts({ replicas: [{ ...kept, failures: 11 }] })).toEqual([
      'error replica_lost: S1 has been lost for 14 s, the 11th time in a row: exited with code 1.',
    ]);
  });

  it('names the worker that runs its requests meanwhile', () => {
    const replicas = [{ ...lost, adopter: 'S2#4' }, replica({ name: 'S2' })];
    const [trouble] = troublesOf(watched({ replicas }), false);
    expect(trouble).toMatchObject({ replica: 'S1', advice: expect.stringContaining('S2#4') });
  });

  it('cannot load its handler, if that is the reason', () => {
    const reason = 'HANDLER ./app.ts cannot be loaded: there is no file /app.ts';
    const replicas = [{ ...lost, reason }];
    expect(texts({ replicas })).toContain(`error handler_not_loaded: S1 does not start: ${reason}.`);
    expect(texts({ replicas }, true)).toContain('error handler_not_loaded: S1 cannot load its handler.');
    const command = [{ ...lost, reason: 'COMMAND exited with code 1 before it was ready' }];
    expect(texts({ replicas: command }, true)).toContain(
      'error handler_not_loaded: S1 cannot load its handler.',
    );
    const again = [{ ...replicas[0]!, state: 'starting' as const, failures: 2 }]; // one is there
    expect(texts({ replicas: again })).toContain(`error handler_not_loaded: S1 does not start: ${reason}.`);
  });
});

it('says that a replica takes long to start, from half of the time on that it has', () => {
  const starting = replica({ state: 'starting', since: now - 7000 });
  expect(texts({ replicas: [starting] })).toEqual([]);
  expect(texts({ replicas: [{ ...starting, since: now - 8000 }] })).toEqual([
    'warning replica_starts_slowly: S1 has been starting for 8 s.',
  ]);
});

it('says that nothing can be dispatched without replicas, or with an empty ring', () => {
  expect(texts({ replicas: [] })).toEqual([
    'error no_replicas: There are no replicas, so each request gets 503.',
  ]);
  expect(texts({ replicas: [replica({ inRing: false })] })).toEqual([
    'error ring_empty: No replica is in the ring, so each request gets 503.',
  ]);
});

it('says that no controller leads, that its driver cannot act, and that settings differ', () => {
  expect(texts({ leader: null })).toEqual([
    'error no_leader: No controller leads, so lost replicas are not replaced.',
  ]);
  expect(texts({ driverTrouble: 'the Docker engine does not answer' })).toEqual([
    'error driver_trouble: Workers can be neither started nor ended: the Docker engine does not answer.',
  ]);
  expect(texts({ refusal: 'HASH_KEY of this gateway is no longer that of the others.' })).toEqual([
    'error settings_differ: This gateway takes no requests: HASH_KEY of this gateway is no longer that of ' +
      'the others.',
  ]);
});

it('says which requests wait for long, unless an operator holds them up', () => {
  expect(texts({ replicas: [replica({ oldestMs: 9000 })] })).toEqual([]);
  expect(texts({ replicas: [replica({ oldestMs: 200_000 })] })).toEqual([
    'warning oldest_waits: The oldest request of S1 has waited for 3 min.',
  ]);
  expect(texts({ replicas: [replica({ oldestMs: 200_000, hold: 'paused' })] })).toEqual([
    'notice replica_paused: S1 is paused: its requests wait.',
  ]);
});

it('says which replica an operator has drained', () => {
  expect(texts({ replicas: [replica({ hold: 'drained' })] })).toEqual([
    'notice replica_drained: S1 is drained: it is out of the ring until it is resumed.',
  ]);
});

it('says that a retired replica is lost only while it holds requests that nobody runs', () => {
  const { joined: _, weight: __, inRing: ___, ...others } = replica({ state: 'lost', since: now - 5000 });
  expect(texts({ retired: [others] })).toEqual([]);
  const holding = { ...others, depths: { ...none, waiting: 2 } };
  const streaming = { ...others, depths: { ...none, streams: 1 } };
  for (const retired of [holding, streaming])
    expect(texts({ retired: [retired] })).toEqual(['error replica_lost: S1 has been lost for 5 s.']);
  expect(texts({ retired: [{ ...holding, adopter: 'S2#1' }] })).toEqual([]);
});

it('says that clocks, event loops and releases are not as they should be', () => {
  const late = { ...gateway, name: 'g2', eventLoopLagMs: 900, version: '0.9.0' };
  expect(texts({ clockAheadMs: -3200, gateways: [gateway, late] })).toEqual([
    'warning gateway_lag: The event loop of g2 is late by up to 900 ms.',
    "warning clock_skew: The clock of the host of this gateway is 3 s behind Redis's.",
    'notice versions_differ: Releases 0.9.0 and 1.0.0 run side by side.',
  ]);
  expect(texts({ replicas: [replica({ clockAheadMs: 1500, eventLoopLagMs: 4000 })] })).toEqual([
    'warning worker_lag: The handler of S1 blocks its event loop for up to 4 s.',
    "warning clock_skew: The clock of the host of S1 is 2 s ahead of Redis's.",
  ]);
});

it('says that callbacks fail, and that some were given up', () => {
  expect(texts({ callbacks: { retrying: 2, undelivered: 1 } })).toEqual([
    'warning callbacks_failing: 2 callbacks have failed and will be sent again.',
    'notice callbacks_undelivered: A callback was never delivered.',
  ]);
});

it('says what is wrong with Redis', () => {
  const worst = { ...redis, policy: 'allkeys-lru', isReplica: true, writeFailed: true, snapshotFailed: true };
  expect(texts({ redis: worst }).map((text) => text.split(':')[0])).toEqual([
    'error redis_read_only',
    'error redis_persistence',
    'error redis_persistence',
    'error redis_evicts',
  ]);
  const full = (used: number) => ({ ...redis, maxMemoryBytes: 1000, usedMemoryBytes: used });
  expect(texts({ redis: full(799) })).toEqual([]);
  expect(texts({ redis: full(805) })).toEqual([
    'warning redis_memory: Redis uses 80 % of its maxmemory; once it is full, requests get 503.',
  ]);
  expect(texts({ redis: full(970) })).toEqual([
    'error redis_memory: Redis uses 97 % of its maxmemory; once it is full, requests get 503.',
  ]);
  expect(texts({ redis: { ...redis, appendOnly: false } })).toEqual([
    'notice redis_not_persistent: Redis writes no append-only file, so its restart loses accepted requests.',
  ]);
});

it('lists errors before warnings, and warnings before notices', () => {
  const all = troublesOf(
    watched({
      deadLetters: 3,
      replicas: [replica({ oldestMs: 20_000 }), replica({ name: 'S2', hold: 'drained', inRing: false })],
      leader: null,
    }),
    false,
  );
  expect(all.map(({ level, code }) => `${level} ${code}`)).toEqual([
    'error no_leader',
    'warning oldest_waits',
    'notice replica_drained',
    'notice dead_letters',
  ]);
});
