import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ejection } from '#shared/contract/ejection.ts';
import { movedShare, sharesOf } from '#shared/ring/shares.ts';
import {
  firstSlowStart,
  nextSlowStart,
  parseSlowStart,
  slowStartText,
  withShares,
} from '#shared/ring/slow-start.ts';
import type { SlowStart } from '#shared/ring/slow-start.ts';
import { createRing, defaultParameters } from '#shared/ring/strategies.ts';
import { plan } from '../../gateway/controller/plan.ts';
import type { Memory } from '../../gateway/controller/plan.ts';
import { renderStep } from '../../gateway/controller/step.ts';
import type { Observed } from '../../gateway/controller/observe.ts';
import { planView } from '../../gateway/ring/plan-view.ts';
import { previewChange } from '../../gateway/ring/change-preview.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';
import { desired, lease, observed, settings } from '../fixtures/plan-world.ts';

/** A slow start from `now` = 0, looked at every `passMs`. @returns the steps with their times. */
function ramp(slowStartMs: number, passMs: number): { at: number; slow: SlowStart | 'whole' }[] {
  let present: SlowStart = { tenths: 1, since: 0, endsAt: slowStartMs };
  const steps: { at: number; slow: SlowStart | 'whole' }[] = [];
  for (let at = 0; at < 10 * slowStartMs + 10_000; at += passMs) {
    const slow = nextSlowStart(present, slowStartMs, at);
    if (slow === undefined) continue;
    steps.push({ at, slow });
    if (slow === 'whole') return steps;
    present = slow;
  }
  return expect.unreachable('the slow start has no end');
}

describe('a slow start', () => {
  it('goes from a tenth to all in at most nine steps, at least 500 ms apart, and ends in time', () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 120_000 }), fc.integer({ min: 20, max: 500 }), (ms, passMs) => {
        const steps = ramp(ms, passMs);
        expect(steps.length).toBeLessThanOrEqual(9);
        const tenths = [1, ...steps.map(({ slow }) => (slow === 'whole' ? 10 : slow.tenths))];
        expect(tenths).toEqual([...new Set(tenths)].toSorted((a, b) => a - b));
        const last = steps.at(-1)?.at ?? Number.NaN;
        expect(last).toBeGreaterThanOrEqual(ms);
        expect(last).toBeLessThan(ms + 9 + 2 * passMs);
        if (ms >= 1000) expect(ms / steps.length).toBeGreaterThanOrEqual(500);
        for (const { slow } of steps)
          if (slow !== 'whole') expect(Math.abs(slow.endsAt - ms)).toBeLessThan(18);
      }),
      { numRuns: 100 },
    );
  });

  it('has equal steps of a tenth if there is time for them', () => {
    const steps = ramp(9000, 10).map(({ at, slow }) => [at, slow === 'whole' ? 10 : slow.tenths]);
    expect(steps).toEqual(Array.from({ length: 9 }, (_, at) => [1000 * (at + 1), at + 2]));
  });

  it('does not catch up after a time without a controller, nor wait for a clock that was set back', () => {
    const present = { tenths: 3, since: 100_000, endsAt: 170_000 };
    expect(nextSlowStart(present, 90_000, 500_000)).toEqual({ tenths: 4, since: 500_000, endsAt: 560_000 });
    expect(nextSlowStart(present, 90_000, 20_000)).toEqual({ tenths: 4, since: 20_000, endsAt: 80_000 });
  });

  it('is written as text that it is read from; other text is none', () => {
    const slow = { tenths: 4, since: 17, endsAt: 39 };
    expect(parseSlowStart(slowStartText(slow))).toEqual(slow);
    for (const text of ['', '0 1 2', '11 1 2', '4', '4 1', '4 1 x', '4 1 2 3', '-1 1 2'])
      expect(parseSlowStart(text)).toBeUndefined();
  });

  it('begins with all of the weight if nobody has served for long enough', () => {
    const whole = (since: number): SlowStart => ({ tenths: 10, since, endsAt: since });
    expect(firstSlowStart([], 9000, 50_000)?.tenths).toBe(10);
    expect(firstSlowStart([whole(45_000)], 9000, 50_000)?.tenths).toBe(10);
    expect(firstSlowStart([{ tenths: 3, since: 49_000, endsAt: 55_000 }], 9000, 50_000)?.tenths).toBe(10);
    expect(firstSlowStart([whole(41_000)], 9000, 50_000)).toEqual({
      tenths: 1,
      since: 50_000,
      endsAt: 59_000,
    });
    expect(firstSlowStart([whole(49_000), undefined], 9000, 50_000)?.tenths).toBe(1);
    expect(firstSlowStart([undefined], 0, 50_000)).toBeUndefined();
  });

  it('makes a step once it is due, and does not catch up', () => {
    const next = (now: number): unknown => nextSlowStart({ tenths: 1, since: 0, endsAt: 4500 }, 4500, now);
    expect(next(499)).toBeUndefined();
    expect(next(500)).toEqual({ tenths: 2, since: 500, endsAt: 4500 });
    expect(next(999)).toEqual({ tenths: 2, since: 500, endsAt: 4500 });
    expect(next(1000)).toEqual({ tenths: 2, since: 1000, endsAt: 5000 });
  });

  it('gives a share to no other replica, and to none that has all tenths', () => {
    const members = desired('S1', 'S2', 'S3');
    const slow = { since: 0, endsAt: 0 };
    expect(withShares(members, new Map([['S2', { tenths: 3, ...slow }]]))).toEqual([
      members[0],
      { ...members[1], share: 0.3 },
      members[2],
    ]);
    const whole = withShares(members, new Map([['S2', { tenths: 10, ...slow }]]));
    expect(whole.map(({ share }) => share)).toEqual([undefined, undefined, undefined]);
    expect(withShares(members, new Map())).toBe(members);
  });

  it('moves keys only to its replica, about a tenth of its share in each step', () => {
    const parameters = defaultParameters('murmur3');
    const ringAt = (tenths: number): ReturnType<typeof createRing> =>
      createRing(
        parameters,
        withShares(desired('S1', 'S2', 'S3', 'S9'), new Map([['S9', { tenths, since: 0, endsAt: 0 }]])),
      );
    for (let tenths = 1; tenths < 10; tenths += 1) {
      const [before, after] = [ringAt(tenths), ringAt(tenths + 1)];
      const gained = (sharesOf(after).get('S9') ?? 0) - (sharesOf(before).get('S9') ?? 0);
      expect(movedShare(before, after)).toBeCloseTo(gained, 9);
      expect(gained).toBeGreaterThan(0);
      expect(gained).toBeLessThan(0.08);
    }
    expect(sharesOf(ringAt(1)).get('S9')).toBeLessThan(0.08);
    expect(sharesOf(ringAt(10))).toEqual(sharesOf(createRing(parameters, desired('S1', 'S2', 'S3', 'S9'))));
  });
});

describe('the plan with SLOW_START_MS', () => {
  const now = 100_000;
  const ready = (...names: string[]) => new Map(names.map((name) => [name, lease(1)]));
  const inRing = (...names: string[]) => new Map(names.map((name) => [name, 1]));
  const stepsOf = (parts: Partial<Observed>, slowStartMs = 9000, memory: Memory = new Map()): string[] =>
    plan(observed(parts), memory, new Map(), { ...settings, slowStartMs }, now)
      .steps.filter((step) => step.do === 'admit' || step.do === 'share' || step.do === 'evict')
      .map((step) =>
        step.do === 'admit' ? `admit ${step.name} ${step.slowStart?.tenths ?? '-'}` : renderStep(step),
      );
  const ejection: Ejection = {
    count: 1,
    cause: 'slow',
    detail: 'x',
    generation: 1,
    since: 0,
    until: 2 * now,
  };
  const slow = (tenths: number, since: number): SlowStart => ({ tenths, since, endsAt: since });

  it('admits a replica to a serving ring with a tenth, whether it is new, was drained or was lost', () => {
    const two = { desired: desired('S1', 'S2'), leases: ready('S1', 'S2'), ring: inRing('S1') };
    expect(stepsOf(two)).toEqual(['admit S2 1']);
    expect(stepsOf(two, 0)).toEqual(['admit S2 -']);
  });

  it('admits the first replicas with all of their weight, one behind another too', () => {
    const three = { desired: desired('S1', 'S2', 'S3'), leases: ready('S1', 'S2', 'S3') };
    expect(stepsOf(three)).toEqual(['admit S1 10', 'admit S2 10', 'admit S3 10']);
    const later = { ...three, ring: inRing('S1', 'S2'), slowStarts: new Map([['S1', slow(10, now - 400)]]) };
    later.slowStarts.set('S2', slow(10, now - 200));
    expect(stepsOf(later)).toEqual(['admit S3 10']);
    // The others are drained: nobody serves.
    const drained = { ...three, ring: inRing('S1', 'S2'), drained: new Map([['S1', 1]]) };
    drained.drained.set('S2', 1);
    expect(stepsOf(drained)).toContain('admit S3 10');
  });

  it('admits a replica that returns from its ejection with a tenth; while it is out, no share is raised', () => {
    const two = { desired: desired('S1', 'S2'), leases: ready('S1', 'S2') };
    const ejected = { ...two, ejections: new Map([['S2', ejection]]) };
    const slowStarts = new Map([['S2', slow(4, now - 5000)]]);
    expect(stepsOf({ ...ejected, ring: inRing('S1') })).toEqual([]);
    expect(stepsOf({ ...ejected, ring: inRing('S1', 'S2'), slowStarts })).toEqual([
      'evict S2: an outlier: x',
    ]);
    const ejections = new Map([['S2', { ...ejection, ended: now }]]);
    expect(stepsOf({ ...two, ejections, ring: inRing('S1') })).toEqual(['admit S2 1']);
    // S2 is out, so nobody serves.
    const three = { desired: desired('S2', 'S3'), leases: ready('S2', 'S3'), ring: inRing('S2') };
    expect(stepsOf({ ...three, ejections: new Map([['S2', ejection]]) })).toContain('admit S3 10');
  });

  it('moves no key for a replacement that is back before the replica leaves the ring', () => {
    const back = {
      desired: desired('S1', 'S2'),
      leases: new Map([...ready('S1'), ['S2', lease(2)]]),
      ring: inRing('S1', 'S2'),
    };
    expect(stepsOf(back)).toEqual(['admit S2 10']);
    expect(stepsOf(back, 0)).toEqual(['admit S2 -']);
    const ramping = { ...back, slowStarts: new Map([['S2', slow(4, now)]]) };
    expect(stepsOf(ramping)).toEqual(['admit S2 4']);
  });

  it('after a restart of all, lets the replicas that come late begin as cold as the first one is', () => {
    const all = {
      desired: desired('S1', 'S2'),
      leases: new Map([
        ['S1', lease(2)],
        ['S2', lease(2)],
      ]),
    };
    const first = plan(
      observed({ ...all, ring: inRing('S1') }),
      new Map(),
      new Map(),
      { ...settings, slowStartMs: 9000 },
      now,
    );
    const [step] = first.steps.filter(({ name }) => name === 'S1');
    expect(step).toMatchObject({ do: 'admit', slowStart: { tenths: 10, since: now } });
    const later = { ...all, ring: new Map([['S1', 2]]), slowStarts: new Map([['S1', slow(10, now)]]) };
    expect(stepsOf(later)).toEqual(['admit S2 10']);
  });

  it('makes each step once it is due, also for a controller that has just begun to lead', () => {
    const at = (since: number, more: Partial<Observed> = {}): Partial<Observed> => ({
      desired: desired('S1', 'S2'),
      leases: ready('S1', 'S2'),
      ring: inRing('S1', 'S2'),
      slowStarts: new Map([['S2', slow(4, since)]]),
      ...more,
    });
    expect(stepsOf(at(now - 999))).toEqual([]);
    expect(stepsOf(at(now - 1000))).toEqual(['share S2 5/10: slow start over 9000 ms']);
    expect(stepsOf(at(now), 0)).toEqual(['share S2 10/10: slow start is off']);
    expect(stepsOf(at(now - 5000, { paused: new Set(['S2']) }))).toEqual([]);
    expect(stepsOf(at(now - 5000, { leases: ready('S1') }))).toEqual([]);
    const last = new Map([['S2', slow(9, now - 1000)]]);
    expect(stepsOf(at(now, { slowStarts: last }))).toEqual(['share S2 10/10: slow start over 9000 ms']);
  });

  it('is said in the plan of a change', () => {
    const state = observed({ desired: desired('S1'), ring: inRing('S1') });
    const limits = { parameters: defaultParameters('murmur3'), maxReplicas: 9, containers: false };
    const preview = previewChange(state, { add: ['S9'], weight: [], rm: [], drain: [] }, limits);
    expect(planView(preview, [], 30_000).notes).toContain(
      'It begins with a tenth of its weight, and has all of it after 30 s.',
    );
  });
});

it('SLOW_START_MS is refused with RING=assignment, with the reason', () => {
  expect(() => loadGatewayConfig({ RING: 'assignment', SLOW_START_MS: '1000' })).toThrow(
    'SLOW_START_MS is set, but with RING=assignment the shares of replicas are exact',
  );
  expect(loadGatewayConfig({ RING: 'assignment', SLOW_START_MS: '0' }).slowStartMs).toBe(0);
});
