import { describe, expect, it } from 'vitest';
import type { Ejection } from '#shared/contract/ejection.ts';
import type { Lease } from '#shared/contract/lease.ts';
import type { Sleeper } from '#shared/store/lease/sleep-notes.ts';
import { deathsBetween } from '../../gateway/controller/deaths.ts';
import type { Observed } from '../../gateway/controller/observe.ts';
import { plan } from '../../gateway/controller/plan.ts';
import type { Memory, Plan } from '../../gateway/controller/plan.ts';
import { renderStep } from '../../gateway/controller/step.ts';
import { desired, lease, observed, settings } from '../fixtures/plan-world.ts';

const now = 1_000_000;
const sleepAfterMs = 60_000;
const names = ['S1', 'S2'];

const idle = (ms: number, remembers = false): Lease => ({
  ...lease(1),
  idle: { since: now - ms, remembers },
});
const ejection: Ejection = {
  count: 1,
  cause: 'slow',
  detail: 'median 90 ms, others 5 ms',
  generation: 1,
  since: 0,
  until: 2 * now,
};
const instance = (name: string, generation = 1): Observed['instances'][number] => ({
  name,
  generation,
  id: `${name}#${generation}`,
  outdated: false,
});
const sleeper = (parts: Partial<Sleeper> = {}): Sleeper => ({
  generation: 1,
  since: 5,
  waking: false,
  held: 0,
  dueAt: undefined,
  ...parts,
});

/** Two replicas in the ring whose workers are ready. S2 has been idle for long enough. */
const awake = (parts: Partial<Observed> = {}): Observed =>
  observed({
    desired: desired(...names),
    ring: new Map(names.map((name) => [name, 1])),
    leases: new Map([
      ['S1', lease(1)],
      ['S2', idle(60_000)],
    ]),
    instances: names.map((name) => instance(name)),
    ...parts,
  });

/** The same; S2 sleeps. */
const asleep = (parts: Partial<Sleeper> = {}, more: Partial<Observed> = {}): Observed =>
  awake({
    leases: new Map([['S1', lease(1)]]),
    instances: [instance('S1')],
    sleepers: new Map([['S2', sleeper(parts)]]),
    ...more,
  });

function planned(state: Observed, more: object = {}, memory: Memory = new Map()): Plan {
  return plan(state, memory, new Map(), { ...settings, sleepAfterMs, ...more }, now);
}
const stepsFor = (state: Observed, more: object = {}, memory?: Memory): string[] =>
  planned(state, more, memory).steps.map(renderStep);

describe('a replica is put to sleep', () => {
  const sleeps = ['sleep S2#1: it has been idle for 60 s'];

  it('once its worker has run nothing for SLEEP_AFTER_S', () => {
    expect(stepsFor(awake())).toEqual(sleeps);
    expect(stepsFor(awake(), { sleepAfterMs: 0 })).toEqual([]);
    expect(
      stepsFor(
        awake({
          leases: new Map([
            ['S1', lease(1)],
            ['S2', idle(59_999)],
          ]),
        }),
      ),
    ).toEqual([]);
  });

  it('only once its worker remembers no request that must not run twice', () => {
    expect(
      stepsFor(
        awake({
          leases: new Map([
            ['S1', lease(1)],
            ['S2', idle(90_000, true)],
          ]),
        }),
      ),
    ).toEqual([]);
  });

  it('only if nothing else needs its worker', () => {
    const { leases, instances } = awake();
    const others: readonly Partial<Observed>[] = [
      { paused: new Set(['S2']) },
      { drained: new Map([['S2', 5]]), ring: new Map([['S1', 1]]) },
      { ejections: new Map([['S2', ejection]]) },
      { ejections: new Map([['S2', ejection]]), ring: new Map([['S1', 1]]) },
      { restarts: new Map([['S2', { generation: 0, rolling: false }]]) },
      { standbys: new Map([['S2', 2]]) },
      { offered: new Set(['S7']), retired: new Map([['S7', now]]), backlog: new Map([['S7', 1]]) },
      { heirs: new Map([['S7', 'S2']]), retired: new Map([['S7', now]]), backlog: new Map([['S7', 1]]) },
      {
        retired: new Map([['S7', now]]),
        backlog: new Map([['S7', 1]]),
        leases: new Map([...leases, ['S7', { ...lease(0, 'adopted'), adopter: 'S2#1' }]]),
      },
      { instances: [instance('S1'), { ...instance('S2'), outdated: true }], trouble: 'away' },
      // Another controller's driver runs it.
      { instances: [instance('S1')] },
      { blind: true },
      { trouble: 'the engine does not answer', instances },
    ];
    for (const other of others)
      expect(stepsFor(awake(other)).filter((step) => step.startsWith('sleep'))).toEqual([]);
  });

  it('again once its ejection has ended', () => {
    expect(stepsFor(awake({ ejections: new Map([['S2', { ...ejection, ended: 9 }]]) }))).toEqual(sleeps);
  });

  it('only while no other replica is lost or starting, since it may be needed', () => {
    const starting = new Map([...awake().leases, ['S1', lease(1, 'starting')] as const]);
    expect(stepsFor(awake({ leases: starting }))).toEqual([]);
    expect(stepsFor(asleep({}, { leases: new Map([['S1', idle(60_000)]]) }))).toEqual([
      'sleep S1#1: it has been idle for 60 s',
    ]);
  });
});

describe('a replica that sleeps', () => {
  it('is in the ring and fine, and stays down while nothing waits for it', () => {
    const { steps, memory } = planned(asleep());
    expect(steps).toEqual([]);
    expect(memory.get('S2')).toEqual({ state: 'asleep', since: 5, generation: 1, failures: 0 });
    expect(stepsFor(asleep({}, { ring: new Map([['S1', 1]]) }))).toEqual(['admit S2#1: it sleeps']);
  });

  it('is no death: its worker was told to go', () => {
    const before: Memory = new Map([['S2', { state: 'ready', since: 0, generation: 1, failures: 0 }]]);
    const deaths = new Map([['S2', 'exited with code 0']]);
    const newName = (): string => 'N1';
    const { steps, memory } = plan(asleep(), before, deaths, { ...settings, sleepAfterMs, newName }, now);
    expect(steps).toEqual([]);
    expect(memory.get('S2')?.state).toBe('asleep');
  });

  it('wakes at once for a request, or shortly before a delayed one is due', () => {
    const waits = 'start S2: a request waits for it';
    expect(stepsFor(asleep({ waking: true }))).toEqual([waits]);
    expect(stepsFor(asleep({ held: 1 }))).toEqual([waits]);
    expect(stepsFor(asleep({ dueAt: now + 2001 }))).toEqual([]);
    expect(stepsFor(asleep({ dueAt: now + 2000 }))).toEqual([
      'start S2: a delayed request is about to be due',
    ]);
    expect(stepsFor(asleep(), { sleepAfterMs: 0 })).toEqual(['start S2: SLEEP_AFTER_S is 0']);
  });

  it('keeps its keys while it wakes, and is lost only once its worker has failed', () => {
    const { memory } = planned(asleep({ waking: true }), { failoverMs: 0 });
    expect(memory.get('S2')).toEqual({ state: 'starting', since: now, generation: 1, failures: 0 });
    const coming = asleep({ waking: true }, { starting: new Set(['S2']) });
    expect(stepsFor(coming, { failoverMs: 0 }, memory)).toEqual([]);
    const failed = planned(asleep({ waking: true }), { failoverMs: 0 }, memory);
    expect(failed.steps.map(renderStep)).toEqual(['start S2: its worker is gone']);
    expect(failed.memory.get('S2')).toMatchObject({ lostAt: now, failures: 1 });
  });

  it('waits for the end of its old worker, and ends one that was never told to go', () => {
    const leaving = new Map([
      ['S1', lease(1)],
      ['S2', lease(1, 'leaving')],
    ]);
    const instances = names.map((name) => instance(name));
    expect(stepsFor(asleep({ waking: true }, { leases: leaving, instances }))).toEqual([]);
    expect(stepsFor(asleep({}, { instances }))).toEqual(['retire S2#1: it sleeps']);
  });

  it('is not adopted, and not woken while it is paused', () => {
    const outside = {
      ring: new Map([['S1', 1]]),
      drained: new Map([['S2', 5]]),
      backlog: new Map([['S2', 1]]),
    };
    expect(stepsFor(asleep({ held: 1 }, outside))).toEqual(['start S2: a request waits for it']);
    expect(stepsFor(asleep({ held: 1 }, { paused: new Set(['S2']) }))).toEqual([]);
  });

  it('does not hold up a rollout, and has been restarted if it was asked for', () => {
    const outdated = asleep({}, { instances: [{ ...instance('S1'), outdated: true }] });
    expect(stepsFor(outdated)).toEqual(['standby S1: it was started from another configuration']);
    const restarts = new Map([['S2', { generation: 1, rolling: false }]]);
    expect(stepsFor(asleep({}, { restarts }))).toEqual(['restarted S2: its worker is gone']);
  });

  it('wakes to adopt a queue if no worker is there', () => {
    const lostOne = {
      leases: new Map(),
      instances: [],
      ring: new Map([['S2', 1]]),
      backlog: new Map([['S1', 3]]),
    };
    const memory: Memory = new Map([
      ['S1', { state: 'lost', since: now - 100, lostAt: 0, generation: 1, failures: 5 }],
    ]);
    expect(stepsFor(asleep({}, lostOne), {}, memory)).toEqual(['start S2: nobody serves the queue of S1']);
  });

  it('counts as lost if it must not be started', () => {
    const { steps, memory } = planned(asleep(), { maxReplicas: 1 });
    expect(steps).toEqual([]);
    expect(memory.get('S2')).toMatchObject({ state: 'lost', lostAt: now });
  });

  it('is forgotten once it is removed, without being started', () => {
    const removed = asleep({}, { desired: desired('S1'), ring: new Map([['S1', 1]]) });
    const retired = { ...removed, retired: new Map([['S2', now - 60_000]]), backlog: new Map([['S2', 0]]) };
    expect(stepsFor(retired)).toEqual(['forget S2: it is removed and holds nothing']);
    // Its worker was told to go long ago, so nothing has died.
    const { memory: before } = planned(asleep());
    const { memory: after } = planned({ ...retired, retired: new Map([['S2', now]]) }, {}, before);
    expect(after.get('S2')).toMatchObject({ state: 'lost', reason: 'it slept' });
    expect(deathsBetween(before, after)).toEqual([]);
  });

  it('is started if its note is gone, as after a Redis that lost its data, and has not died', () => {
    const { memory: before } = planned(asleep());
    const { steps, memory } = planned(asleep({}, { sleepers: new Map() }), {}, before);
    expect(steps.map(renderStep)).toEqual(['start S2: it slept, and its note is gone']);
    expect(deathsBetween(before, memory)).toEqual([]);
  });
});
