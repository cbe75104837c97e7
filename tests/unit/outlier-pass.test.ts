import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnswerCounts } from '#shared/contract/answer-counts.ts';
import { isOut } from '#shared/contract/ejection.ts';
import type { Ejection } from '#shared/contract/ejection.ts';
import type { ReplicaState, ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Observed } from '../../gateway/controller/observe.ts';
import { plan } from '../../gateway/controller/plan.ts';
import { renderStep } from '../../gateway/controller/step.ts';
import { Comparison } from '../../gateway/outliers/comparison.ts';
import type { ProbePair } from '../../gateway/outliers/comparison.ts';
import { Confirmations } from '../../gateway/outliers/confirmations.ts';
import { CountWindows } from '../../gateway/outliers/count-windows.ts';
import { outlierSteps, stepsWhenOff } from '../../gateway/outliers/outlier-pass.ts';
import type { EjectionStep } from '../../gateway/outliers/outlier-pass.ts';
import { mayBeOut } from '../../gateway/outliers/rule.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';
import { desired, lease, observed, settings } from '../fixtures/plan-world.ts';

const config = loadGatewayConfig({ OUTLIER_DETECTION: 'on' }).outliers ?? off();
function off(): never {
  throw new Error('outlier detection is off');
}

const ejection: Ejection = {
  count: 1,
  cause: 'consecutive_5xx',
  detail: '7 consecutive 5xx',
  generation: 1,
  since: 0,
  until: 30_000,
};

const counted = (answered: number, failedInRow: number): AnswerCounts => ({
  answered,
  failed: failedInRow,
  failedInRow,
  keysFailed: failedInRow > 1 ? 2 : failedInRow,
  gatewayFailedInRow: 0,
  keysGatewayFailed: 0,
  probe: 0,
  probeMs: 0,
  times: [],
});

const inState = (names: readonly string[], state: ReplicaState): ReadonlyMap<string, ReplicaStatus> =>
  new Map(names.map((name) => [name, { state, since: 0, generation: 1, failures: 0 }]));
const ready = (names: readonly string[]): ReadonlyMap<string, ReplicaStatus> => inState(names, 'ready');

/** A controller that carries out what it decides. */
class Leader {
  now = 1000;
  readonly windows = new CountWindows(1000);
  readonly confirmations = new Confirmations();
  readonly comparison = new Comparison(1000);
  /** The last two replicas that were probed to compare them. */
  asked: ProbePair | undefined;
  readonly sent = new Map<string, number>();
  world: Observed;
  /** Whether it sends the probes that it has noted. */
  isAlive = true;
  readonly #counts = new Map<string, AnswerCounts>();
  #asleep: readonly string[] = [];

  constructor(names: readonly string[], more: Partial<Observed> = {}) {
    const leases = new Map(names.map((name) => [name, lease(1)]));
    const ring = new Map(names.map((name) => [name, 1]));
    this.world = observed({ desired: desired(...names), leases, ring, ...more });
  }

  answers(name: string, count: number, isFailing: boolean): void {
    const { answered = 0, failedInRow = 0 } = this.#counts.get(name) ?? {};
    const counts = counted(answered + count, isFailing ? failedInRow + count : 0);
    this.#counts.set(name, counts);
    const leases = new Map(this.world.leases);
    leases.set(name, { ...lease(1), answers: counts });
    this.world = { ...this.world, leases };
  }

  /** A worker answers a probe. */
  answersProbe(name: string, probe: number, probeMs: number): void {
    const before = this.#counts.get(name) ?? counted(0, 0);
    const counts = { ...before, probe, probeMs };
    this.#counts.set(name, counts);
    const leases = new Map(this.world.leases);
    leases.set(name, { ...lease(1), answers: counts });
    this.world = { ...this.world, leases };
    this.#asleep = this.#asleep.filter((each) => each !== name);
  }

  /** The workers of replicas end, since they are idle. */
  sleep(...names: string[]): void {
    this.#asleep = names;
    const leases = [...this.world.leases].filter(([name]) => !names.includes(name));
    this.world = { ...this.world, leases: new Map(leases) };
  }

  pass(afterMs = 1000): EjectionStep[] {
    this.now += afterMs;
    const memory = new Map([...ready([...this.world.leases.keys()]), ...inState(this.#asleep, 'asleep')]);
    const { windows, confirmations, comparison, sent, now } = this;
    const input = {
      observed: this.world,
      memory,
      windows,
      confirmations,
      comparison,
      sent,
      now,
      reportMs: 500,
    };
    const { steps, ask } = outlierSteps({ ...input, config, unsent: new Map() });
    this.asked = ask;
    const ejections = new Map(this.world.ejections);
    for (const { name, ejection: noted } of steps) {
      if (noted === undefined) ejections.delete(name);
      else ejections.set(name, noted);
      if (noted?.probe !== undefined && this.isAlive) this.sent.set(name, noted.probe);
    }
    const ring = new Map(
      this.world.desired.filter(({ name }) => !isOut(ejections.get(name))).map(({ name }) => [name, 1]),
    );
    this.world = { ...this.world, ejections, ring };
    return steps;
  }
}

const shown = (steps: readonly EjectionStep[]): string[] => steps.map((step) => `${step.do} ${step.name}`);

describe('a leading controller', () => {
  it('ejects, probes and lets return', () => {
    const leader = new Leader(['S1', 'S2', 'S3']);
    expect(leader.pass()).toEqual([]);
    for (const name of ['S1', 'S3']) leader.answers(name, 20, false);
    leader.answers('S2', 7, true);
    expect(leader.pass()).toEqual([]);
    expect(shown(leader.pass())).toEqual(['eject S2']);
    expect(leader.pass()).toEqual([]);
    expect(shown(leader.pass(30_000))).toEqual(['probe S2']);
    expect(leader.pass()).toEqual([]);
    expect(shown(leader.pass(6000))).toEqual(['longer S2']);
    expect(leader.world.ejections.get('S2')).toMatchObject({ count: 2, until: leader.now + 60_000 });
    const leases = new Map(leader.world.leases).set('S2', lease(2));
    leader.world = { ...leader.world, leases };
    expect(shown(leader.pass())).toEqual(['end S2']);
    expect(leader.world.ejections.size).toBe(0);
  });

  it('begins anew after another one: what is noted holds, and old failures do not count twice', () => {
    const leader = new Leader(['S1', 'S2', 'S3'], { ejections: new Map([['S2', ejection]]) });
    leader.answers('S3', 9, true);
    for (let at = 0; at < 5; at += 1) expect(leader.pass()).toEqual([]);
    expect(shown(leader.pass(30_000))).toEqual(['probe S2']);
  });

  it('counts neither drained nor paused replicas, and ends their ejections', () => {
    const hold = { drained: new Map([['S3', 0]]), paused: new Set(['S2']) };
    const leader = new Leader(['S1', 'S2', 'S3'], { ...hold, ejections: new Map([['S2', ejection]]) });
    expect(shown(leader.pass())).toEqual(['end S2']);
    leader.answers('S1', 50, true);
    expect([leader.pass(), leader.pass(), leader.pass()]).toEqual([[], [], []]);
  });

  it('compares the replicas that are awake; those that sleep serve, since a request wakes them', () => {
    const leader = new Leader(['S1', 'S2', 'S3', 'S4']);
    leader.pass();
    leader.sleep('S3', 'S4');
    leader.answers('S1', 20, false);
    leader.answers('S2', 7, true);
    leader.pass();
    expect(shown(leader.pass())).toEqual(['eject S2']);
    leader.sleep('S1', 'S3', 'S4');
    expect(leader.pass()).toEqual([]);
    expect(shown(leader.pass(30_000))).toEqual(['probe S2']);

    // There is nothing to compare it with.
    const alone = new Leader(['S1', 'S2', 'S3']);
    alone.pass();
    alone.sleep('S2', 'S3');
    alone.answers('S1', 50, true);
    expect([alone.pass(), alone.pass(), alone.pass()]).toEqual([[], [], []]);
  });

  describe('whose replica fails while the others have no requests', () => {
    /** S1 fails, and S2 and S3 sleep. @returns the probes that were sent. */
    function fails(leader: Leader): ProbePair {
      leader.pass();
      leader.sleep('S2', 'S3');
      leader.answers('S1', 50, true);
      expect(leader.pass()).toEqual([]);
      if (leader.asked === undefined) throw new Error('nothing was asked');
      return leader.asked;
    }

    it('ejects it if a probe fails there, and not at another one', () => {
      const leader = new Leader(['S1', 'S2', 'S3']);
      const { name, other, probe } = fails(leader);
      expect([name, other]).toEqual(['S1', 'S2']);
      expect(leader.pass(300)).toEqual([]);
      expect(leader.asked).toBeUndefined();
      leader.answersProbe('S1', probe, -1);
      expect(leader.pass(300)).toEqual([]);
      leader.answersProbe('S2', probe, 12);
      expect(leader.pass(300)).toEqual([]);
      const steps = leader.pass(600);
      expect(shown(steps)).toEqual(['eject S1']);
      expect(steps[0]?.why).toBe('50 consecutive 5xx; a probe failed here, and not at S2');
    });

    it.each([
      ['both answer', 5, 12],
      ['both fail, as with a database that is away', -1, -1],
      ['only the other one fails', 5, -1],
    ])('does not eject it if %s, and asks the next one later', (_, own, of) => {
      const leader = new Leader(['S1', 'S2', 'S3']);
      const { probe } = fails(leader);
      leader.answersProbe('S1', probe, own);
      leader.answersProbe('S2', probe, of);
      for (let at = 0; at < 3; at += 1) expect(leader.pass(300)).toEqual([]);
      leader.sleep('S2', 'S3');
      expect(leader.pass(300)).toEqual([]);
      expect(leader.asked).toMatchObject({ name: 'S1', other: 'S3' });
    });

    it('asks again if there is no answer, and forgets it with the worker', () => {
      const leader = new Leader(['S1', 'S2', 'S3']);
      const { probe } = fails(leader);
      leader.answersProbe('S1', probe, -1);
      leader.answers('S1', 1, true);
      leader.pass(6000);
      expect(leader.asked).toMatchObject({ name: 'S1', other: 'S3' });
      leader.world = { ...leader.world, leases: new Map([['S1', lease(2)]]) };
      leader.pass(2000);
      expect(leader.asked).toBeUndefined();
    });
  });

  it('probes again if the one before has noted a probe and ended before it sent it', () => {
    const leader = new Leader(['S1', 'S2', 'S3'], { ejections: new Map([['S2', ejection]]) });
    leader.isAlive = false;
    expect(shown(leader.pass(30_000))).toEqual(['probe S2']);
    leader.isAlive = true;
    expect(leader.pass(2000)).toEqual([]);
    expect(shown(leader.pass(4000))).toEqual(['probe S2']);
    expect(shown(leader.pass(6000))).toEqual(['longer S2']);
  });

  it('ends the ejection of a replica that fell asleep: its next worker is a new one', () => {
    const leader = new Leader(['S1', 'S2'], { ejections: new Map([['S2', ejection]]) });
    leader.sleep('S2');
    expect(shown(leader.pass())).toEqual(['end S2']);
    expect(leader.world.ejections.size).toBe(0);
  });

  it('never ejects more than the share, never the last one, and gives all back in the end', () => {
    const happening = fc.record({
      at: fc.nat(5),
      failing: fc.boolean(),
      ms: fc.constantFrom(0, 500, 1000, 40_000),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(happening, { maxLength: 80 }), (count, all) => {
        const names = Array.from({ length: count }, (_, at) => `S${at + 1}`);
        const leader = new Leader(names);
        for (const { at, failing, ms } of all) {
          leader.answers(names[at % count] ?? 'S1', 8, failing);
          leader.pass(ms);
          const out = [...leader.world.ejections.values()].filter(isOut).length;
          expect(out).toBeLessThanOrEqual(mayBeOut(count, config));
          expect(leader.world.ring.size).toBe(count - out);
          expect(leader.world.ring.size).toBeGreaterThan(0);
        }
        // All workers are new.
        const leases = new Map(names.map((name) => [name, lease(2)]));
        leader.world = { ...leader.world, leases };
        leader.pass();
        expect(leader.world.ring.size).toBe(count);
      }),
    );
  });

  it('ends all ejections once the detection is off', () => {
    const ejections = new Map([
      ['S1', ejection],
      ['S2', { ...ejection, ended: 5 }],
    ]);
    expect(shown(stepsWhenOff(observed({ ejections })))).toEqual(['end S1', 'forget S2']);
  });
});

it('the plan keeps an ejected replica out of the ring, apart from what operators ask', () => {
  const names = ['S1', 'S2'];
  const leases = new Map(names.map((name) => [name, lease(1)]));
  const instances = names.map((name) => ({ id: name, name, generation: 1, outdated: false }));
  const lines = (ring: readonly string[], more: Partial<Observed>): string[] => {
    const world = {
      ring: new Map(ring.map((name) => [name, 1])),
      desired: desired(...names),
      leases,
      instances,
    };
    return plan(observed({ ...world, ...more }), ready(names), new Map(), settings, 1000).steps.map(
      renderStep,
    );
  };
  const ejections = new Map([['S2', ejection]]);
  expect(lines(names, { ejections })).toEqual(['evict S2: an outlier: 7 consecutive 5xx']);
  expect(lines(['S1'], { ejections })).toEqual([]);
  expect(lines(['S1'], { ejections: new Map([['S2', { ...ejection, ended: 9 }]]) })).toEqual([
    'admit S2#1: it is ready',
  ]);
  expect(lines(['S1'], { drained: new Map([['S2', 1]]) })).toEqual([]);
});
