import { describe, expect, it } from 'vitest';
import type { AutoscaleView } from '#shared/contract/api/autoscale.ts';
import type { Ejection } from '#shared/contract/ejection.ts';
import type { ReplicaState, ReplicaStatus } from '#shared/contract/replica-status.ts';
import { defaultParameters } from '#shared/ring/strategies.ts';
import type { RingMember } from '#shared/ring/ring.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import { autoscaleLines } from '../../gateway/cli/autoscale.ts';
import { autoscaleTroubles } from '../../gateway/api/autoscale-troubles.ts';
import { freeNames, scaleChange } from '../../gateway/autoscale/scale-change.ts';
import { standingOf } from '../../gateway/autoscale/standing.ts';
import type { ReplicaFacts } from '../../gateway/autoscale/standing.ts';
import { placeAll } from '../../gateway/ring/replica-changes.ts';
import { SettingsError } from '#shared/settings/settings-error.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';

const murmur3 = defaultParameters('murmur3');
const limits = { parameters: murmur3, maxReplicas: 64, containers: false };

function member(name: string, joined: number, more: Partial<RingMember> = {}): RingMember {
  return { name, joined, weight: 1, ...more };
}

function stateOf(desired: readonly RingMember[], more: Partial<RingState> = {}): RingState {
  return {
    version: 1,
    joined: desired.length,
    desired,
    ring: new Map(desired.map(({ name }) => [name, 1])),
    retired: new Map(),
    settings: new Map(),
    slowStarts: new Map(),
    upstreams: [],
    positions: new Map(),
    drained: new Map(),
    restarts: new Map(),
    ejections: new Map(),
    ...more,
  };
}

function facts(states: Record<string, ReplicaState> = {}, paused: string[] = []): ReplicaFacts {
  const statusOf = (name: string): ReplicaStatus => ({
    state: states[name] ?? 'ready',
    since: 0,
    generation: 1,
    failures: 0,
  });
  return { paused: new Set(paused), statusOf };
}

const three = [member('S1', 1), member('S2', 2), member('S3', 3)];
const standing = (state: RingState, known = facts()) => standingOf(state, known, 0);

describe('the replicas that count', () => {
  it('are the desired ones that nobody holds; the last one is removed first', () => {
    const last = (name: string, serving = true) => ({ name, serving });
    expect(standing(stateOf(three))).toMatchObject({ desired: 3, counted: 3, serving: 3, last: last('S3') });
    const drained = stateOf(three, { drained: new Map([['S3', 1]]) });
    expect(standing(drained)).toMatchObject({ desired: 3, counted: 2, serving: 2, last: last('S2') });
    expect(standing(drained, facts({}, ['S2']))).toMatchObject({ counted: 1, serving: 1, last: last('S1') });
    const restarts = new Map([['S3', { generation: 1, rolling: false }]]);
    expect(standing(stateOf(three, { restarts }))).toMatchObject({
      counted: 3,
      serving: 3,
      last: last('S2'),
    });
    expect(standing(stateOf([]))).toMatchObject({ counted: 0, serving: 0, last: undefined });
  });

  it('serve only if they are ready and in the ring', () => {
    expect(standing(stateOf(three), facts({ S3: 'starting', S2: 'lost' }))).toMatchObject({
      counted: 3,
      serving: 1,
      last: { name: 'S3', serving: false },
    });
    expect(standing(stateOf(three, { ring: new Map([['S1', 1]]) }))).toMatchObject({ serving: 1 });
  });

  it('are not those that are ejected: they are neither room nor removed, and the last that serves stays', () => {
    const ejection: Ejection = { count: 1, cause: 'slow', detail: 'x', generation: 1, since: 0, until: 9 };
    const out = (...names: string[]) => ({
      ejections: new Map(names.map((name) => [name, ejection])),
      ring: new Map(three.filter(({ name }) => !names.includes(name)).map(({ name }) => [name, 1])),
    });
    expect(standing(stateOf(three, out('S3')))).toMatchObject({
      desired: 3,
      counted: 2,
      serving: 2,
      last: { name: 'S2', serving: true },
    });
    expect(standing(stateOf(three, out('S2', 'S3')))).toMatchObject({
      counted: 1,
      serving: 1,
      last: { name: 'S1', serving: true },
    });
    const ejections = new Map([['S3', { ...ejection, ended: 5 }]]);
    expect(standing(stateOf(three, { ejections }))).toMatchObject({ counted: 3, serving: 3 });
  });

  it('serve if they sleep: they have their keys, and a request wakes them', () => {
    expect(standing(stateOf(three), facts({ S2: 'asleep', S3: 'asleep' }))).toMatchObject({
      counted: 3,
      serving: 3,
      last: { name: 'S3', serving: true },
    });
  });

  it('a replacement with a new name has the place of the dead one', () => {
    const desired = [member('S1', 1), member('S777', 4, { place: 2, replaces: 'S2' }), member('S3', 3)];
    expect(standing(stateOf(desired)).last?.name).toBe('S3');
  });
});

describe('a change', () => {
  const up = (by: number) => ({ kind: 'up', by, wanted: by, reason: '', hot: [] }) as const;
  const names = (state: RingState, by: number, given = limits): readonly string[] | string => {
    const made = scaleChange(state, up(by), standing(state), given);
    return 'refusal' in made ? made.refusal : made.names;
  };

  it('takes the first names that are free; that of a replica that still drains is not', () => {
    expect(freeNames(stateOf([member('S2', 1), member('x', 2)]), 2)).toEqual(['S1', 'S3']);
    expect(freeNames(stateOf(three, { retired: new Map([['S4', 1]]) }), 2)).toEqual(['S5', 'S6']);
  });

  it('adds as many as there is room for, or says why there is none', () => {
    expect(names(stateOf(three), 3)).toEqual(['S4', 'S5', 'S6']);
    expect(names(stateOf(three), 3, { ...limits, maxReplicas: 4 })).toEqual(['S4']);
    expect(names(stateOf(three), 3, { ...limits, maxReplicas: 3 })).toContain('MAX_REPLICAS');
    const upstreams = stateOf(three, {
      upstreams: ['http://a', 'http://b', 'http://c', 'http://d', 'http://e'],
      positions: new Map([
        ['S1', 0],
        ['S2', 1],
        ['S3', 2],
        ['S4', 3],
      ]),
      retired: new Map([['S4', 1]]),
    });
    expect(names(upstreams, 2)).toEqual(['S5']);
  });

  it('adds what the assignment ring holds', () => {
    const parameters = defaultParameters('assignment');
    const empty = stateOf([]);
    const full = placeAll(
      empty,
      Array.from({ length: 55 }, (_, at) => `S${at + 1}`),
      parameters,
    );
    const state = stateOf(full, { joined: 55 });
    expect(names(state, 5, { ...limits, parameters })).toEqual(['S56']);
  });

  it('removes the last one', () => {
    const down = { kind: 'down', by: 1, wanted: 2, reason: '', hot: [] } as const;
    const state = stateOf(three);
    expect(scaleChange(state, down, standing(state), limits)).toEqual({
      change: { add: [], remove: ['S3'] },
      names: ['S3'],
    });
  });
});

describe('AUTOSCALE', () => {
  const faults = (env: NodeJS.ProcessEnv): string => {
    try {
      loadGatewayConfig(env);
      return '';
    } catch (error) {
      if (error instanceof SettingsError) return error.message;
      throw error;
    }
  };

  it.each([
    [{ AUTOSCALE: '2' }, 'AUTOSCALE is "2"'],
    [{ AUTOSCALE: '0..2' }, 'AUTOSCALE is "0..2"'],
    [{ AUTOSCALE: '5..2' }, 'AUTOSCALE is 5..2; the first number must not be above the second'],
    [{ AUTOSCALE: '2..65' }, 'AUTOSCALE is 2..65, above MAX_REPLICAS 64'],
    [{ AUTOSCALE: '2..57', RING: 'assignment' }, 'AUTOSCALE is 2..57, but the ring holds 56 at most'],
    [
      { AUTOSCALE: '1..3', UPSTREAMS: 'http://a,http://b' },
      'AUTOSCALE is 1..3, but UPSTREAMS lists 2 servers, one for each replica',
    ],
    [{ AUTOSCALE: '2..4', REPLICAS: '5' }, 'REPLICAS is 5, outside AUTOSCALE 2..4'],
    [{ AUTOSCALE: '2..4', REPLICA_DRIVER: 'none' }, 'with REPLICA_DRIVER=none nothing starts the replicas'],
  ])('%o is refused in one sentence', (env, text) => {
    expect(faults(env)).toContain(text);
  });

  it('is a range that the first number of replicas is in', () => {
    const config = (env: NodeJS.ProcessEnv) => loadGatewayConfig(env);
    expect(config({ AUTOSCALE: '2..20' })).toMatchObject({ autoscale: { min: 2, max: 20 }, replicas: 3 });
    expect(config({ AUTOSCALE: '5..20' }).replicas).toBe(5);
    expect(config({ AUTOSCALE: '1..2' }).replicas).toBe(2);
    expect(config({ AUTOSCALE: '2..20', REPLICAS: '7' }).replicas).toBe(7);
    expect(config({}).autoscale).toBeUndefined();
  });
});

it('troubles say that a key is hot, that scaling is stopped, and that there is no room', () => {
  const view: AutoscaleView = {
    configured: true,
    enabled: true,
    range: { min: 2, max: 4 },
    stopped: null,
    decision: { at: 1, wanted: 2, replicas: 2, reason: 'x', hot: [] },
    change: null,
  };
  const codes = (more: Partial<AutoscaleView>): string[] =>
    autoscaleTroubles({ ...view, ...more }).map(({ code }) => code);
  const decision = { at: 1, wanted: 4, replicas: 4, reason: 'x', hot: ['S2'] };
  expect(codes({})).toEqual([]);
  expect(codes({ decision })).toEqual(['hot_key', 'autoscale_at_most']);
  expect(codes({ decision, stopped: { by: 'rm', at: 1 } })).toEqual(['hot_key', 'autoscale_stopped']);
  expect(codes({ configured: false, decision })).toEqual([]);
  expect(autoscaleTroubles(undefined)).toEqual([]);
});

it('the command line says what is wanted and why, and who has stopped it', () => {
  const view: AutoscaleView = {
    configured: true,
    enabled: false,
    range: { min: 2, max: 4 },
    stopped: { by: 'rm', at: 1 },
    decision: { at: 9000, wanted: 3, replicas: 2, reason: 'It is late.', hot: ['S2'] },
    change: { at: 4000, direction: 'down', names: ['S3'], reason: 'there was room' },
  };
  const said = autoscaleLines(view, 9000).map((line) => line.replaceAll(/ +/g, ' '));
  expect(said).toEqual([
    'autoscale stopped by /rm (2..4); `ringpost autoscale on` lets it go on',
    'wanted 3',
    'replicas 2',
    'reason It is late.',
    'hot S2: more replicas would not help',
    'last change removed S3 5s ago: there was room',
  ]);
  expect(autoscaleLines({ ...view, enabled: true, stopped: null }, 9000)[0]).toMatch(/on \(2\.\.4\)$/);
  expect(autoscaleLines({ ...view, configured: false }, 9000)).toEqual([
    'The leading controller has no AUTOSCALE, so it does not scale.',
  ]);
});
