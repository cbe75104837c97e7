import { describe, expect, it } from 'vitest';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Sleeper } from '#shared/store/lease/sleep-notes.ts';
import type { Observed } from '../../gateway/controller/observe.ts';
import { sleepSteps } from '../../gateway/controller/sleep-steps.ts';
import { renderStep } from '../../gateway/controller/step.ts';
import type { Step } from '../../gateway/controller/step.ts';
import { desired, lease, observed } from '../fixtures/plan-world.ts';

const now = 1_000_000;
type State = ReplicaStatus['state'];

function steps(states: readonly State[], parts: Partial<Observed>, sleepAfterMs = 60_000): Step[] {
  const names = states.map((_, at) => `S${at + 1}`);
  const statuses = new Map(
    states.map((state, at) => [`S${at + 1}`, { state, since: 0, generation: 1, failures: 0 }]),
  );
  return sleepSteps(observed({ desired: desired(...names), ...parts }), statuses, sleepAfterMs, now);
}
const lines = (...given: Parameters<typeof steps>): string[] => steps(...given).map(renderStep);

const instance = (name: string, generation = 1): Observed['instances'][number] => ({
  name,
  generation,
  id: name,
  outdated: false,
});
const note = (parts: Partial<Sleeper> = {}): Sleeper => ({
  generation: 1,
  since: 5,
  waking: false,
  held: 0,
  dueAt: undefined,
  ...parts,
});

describe('an idle replica', () => {
  const idle = {
    leases: new Map([['S1', { ...lease(1), idle: { since: 100, remembers: false } }]]),
    instances: [instance('S1')],
    ring: new Map([['S1', 1]]),
  };

  it.each([
    [1000, { quietMs: 60_000, untilDueMs: 4000 }],
    [90_000, { quietMs: 90_000, untilDueMs: 90_000 }],
  ])('sleeps after %i ms only as long as it pays and as no request is remembered', (afterMs, times) => {
    expect(steps(['ready'], idle, afterMs)).toMatchObject([
      { do: 'sleep', name: 'S1', terms: { generation: 1, idleSince: 100, ...times } },
    ]);
  });

  it('does not sleep while its weight grows', () => {
    const growing = (tenths: number) => ({
      ...idle,
      slowStarts: new Map([['S1', { tenths, since: 0, endsAt: 9 }]]),
    });
    expect(lines(['ready'], growing(9))).toEqual([]);
    expect(lines(['ready'], growing(10))).toHaveLength(1);
  });

  it('does not sleep while its only worker is another one than the holder of its lease', () => {
    expect(lines(['ready'], { ...idle, instances: [instance('S1', 2)] })).toEqual([]);
    expect(lines(['ready'], { ...idle, instances: [instance('S1'), instance('S1', 2)] })).toEqual([]);
    expect(lines(['ready'], { ...idle, instances: [] })).toEqual([]);
  });

  it('stays up if none is to sleep, or while another one wakes', () => {
    expect(lines(['ready'], idle, 0)).toEqual([]);
    const wakes = { ...idle, sleepers: new Map([['S2', note({ waking: true })]]) };
    expect(lines(['ready', 'asleep'], wakes)).toEqual(['start S2: a request waits for it']);
  });

  it('stays up while nothing is known of another one', () => {
    const world = observed({ ...idle, desired: desired('S1', 'S2') });
    const statuses = new Map([['S1', { state: 'ready', since: 0, generation: 1, failures: 0 } as const]]);
    expect(sleepSteps(world, statuses, 60_000, now)).toEqual([]);
  });

  it('is not looked at while another one is neither ready nor asleep', () => {
    expect(lines(['ready', 'lost'], idle)).toEqual([]);
    expect(lines(['ready', 'asleep'], { ...idle, sleepers: new Map([['S2', note()]]) })).toHaveLength(1);
  });
});

describe('a replica that sleeps, while no worker is there', () => {
  const sleepers = new Map([['S2', note()]]);
  const held = { sleepers, backlog: new Map([['S1', 1]]) };

  it('wakes for the queue of another one', () => {
    expect(lines(['lost', 'asleep'], held)).toEqual(['start S2: nobody serves the queue of S1']);
  });

  it.each<readonly [string, readonly State[], Partial<Observed>]>([
    ['a worker is ready', ['lost', 'asleep', 'ready'], held],
    ['a worker is starting', ['lost', 'asleep', 'starting'], held],
    ['nothing is held', ['lost', 'asleep'], { ...held, backlog: new Map([['S1', 0]]) }],
    ['it was removed', ['lost', 'asleep'], { ...held, retired: new Map([['S1', 0]]) }],
    ['its queue is served', ['lost', 'asleep'], { ...held, leases: new Map([['S1', lease(1)]]) }],
    ['it is paused', ['lost', 'asleep'], { ...held, paused: new Set(['S1']) }],
    ['all that sleep are paused', ['lost', 'asleep'], { ...held, paused: new Set(['S2']) }],
    ['only one that sleeps holds something', ['lost', 'asleep'], { ...held, backlog: new Map([['S2', 1]]) }],
    ['none sleeps', ['lost', 'lost'], held],
  ])('does not wake if %s', (_, states, parts) => {
    expect(lines(states, parts)).toEqual([]);
  });

  it('does not wake if another one wakes anyway', () => {
    const others = new Map([
      ['S2', note()],
      ['S3', note({ waking: true })],
    ]);
    expect(lines(['lost', 'asleep', 'asleep'], { ...held, sleepers: others })).toEqual([
      'start S3: a request waits for it',
    ]);
  });
});

it('a replica that slept a moment ago and whose note cannot be read is left alone, but not its worker', () => {
  expect(lines(['asleep'], {})).toEqual([]);
  expect(lines(['asleep'], {}, 0)).toEqual([]);
  expect(lines(['asleep'], { instances: [instance('S1')] })).toEqual(['retire S1#0: it sleeps']);
});
