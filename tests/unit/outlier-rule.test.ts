import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { medianOf, timeClasses, timeClassOf } from '#shared/contract/answer-counts.ts';
import type { Ejection } from '#shared/contract/ejection.ts';
import type { OutlierConfig } from '../../gateway/outliers/outlier-settings.ts';
import { ejectionMs, mayBeOut, outliersAmong, remembered } from '../../gateway/outliers/rule.ts';
import type { ReplicaFigures } from '../../gateway/outliers/rule.ts';

const config: OutlierConfig = {
  consecutive5xx: 5,
  consecutiveGatewayFailure: 5,
  slowFactor: 5,
  minRequests: 20,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectionPercent: 34,
  probePath: '/',
};

const figures = (name: string, more: Partial<ReplicaFigures> = {}): ReplicaFigures => ({
  name,
  generation: 1,
  answered: 100,
  failed: 0,
  failedInRow: 0,
  keysFailed: 0,
  gatewayFailedInRow: 0,
  keysGatewayFailed: 0,
  times: [],
  ...more,
});

const failing = (name: string, count = 7, more: Partial<ReplicaFigures> = {}): ReplicaFigures =>
  figures(name, { failed: count, failedInRow: count, keysFailed: 2, ...more });

/** Figures of a replica with this many service times of so many ms. */
const timed = (name: string, ms: number, count = 50): ReplicaFigures => {
  const times = Array.from({ length: timeClasses }, () => 0);
  times[timeClassOf(ms)] = count;
  return figures(name, { times });
};

const judged = (replicas: readonly ReplicaFigures[], out = 0, more: Partial<OutlierConfig> = {}): string[] =>
  outliersAmong(replicas, out, { ...config, ...more }).map(
    ({ name, cause, detail }) => `${name} ${cause}: ${detail}`,
  );

describe('failures in a row', () => {
  it('make a replica an outlier once there are enough of them', () => {
    const others = [figures('S1'), figures('S3')];
    expect(judged([...others, failing('S2', 4)])).toEqual([]);
    expect(judged([...others, failing('S2', 5)])).toEqual([
      "S2 consecutive_5xx: 5 consecutive 5xx; of the others' answers 0 % failed",
    ]);
    const gateway = { gatewayFailedInRow: 6, keysGatewayFailed: 2 };
    expect(judged([...others, failing('S2', 7, gateway)])).toEqual([
      "S2 consecutive_gateway_failure: 6 consecutive gateway failures; of the others' answers 0 % failed",
    ]);
    expect(judged([...others, failing('S2', 7)], 0, { consecutive5xx: 0 })).toEqual([]);
  });

  it('of one key alone do not', () => {
    expect(judged([figures('S1'), failing('S2', 50, { keysFailed: 1 })])).toEqual([]);
  });

  it('do not if the others fail as well, also those that are ejected', () => {
    expect(judged([failing('S1'), failing('S2')])).toEqual([]);
    expect(judged([figures('S1'), failing('S2'), failing('S3')])).toEqual([]);
    expect(judged([figures('S1'), failing('S2', 7), figures('S3')], 2)).toEqual([]);
    expect(judged([figures('S1'), failing('S2', 7, { answered: 7 }), figures('S3')], 1)).toHaveLength(1);
    expect(judged([figures('S1', { failed: 40 }), failing('S2', 7, { answered: 7 })])).toEqual([]);
    expect(judged([failing('S2', 7, { answered: 7 })])).toEqual([]);
  });

  it('do not if the others have failed only just now, or had no requests', () => {
    const row = { failed: 5, failedInRow: 5, keysFailed: 2, answered: 100 };
    expect(judged([figures('S1', row), failing('S2', 7, { answered: 7 })])).toEqual([]);
    expect(judged([figures('S1', { answered: 0 }), failing('S2', 7, { answered: 7 })])).toEqual([]);
  });

  it('that are old do not', () => {
    expect(judged([figures('S1'), failing('S2', 7, { answered: 0, failed: 0 })])).toEqual([]);
  });
});

describe('service times', () => {
  it('far above those of the others make a replica an outlier', () => {
    const all = [timed('S1', 40), timed('S2', 812), timed('S3', 40)];
    expect(judged(all)).toEqual(['S2 slow: median 861 ms, others 38 ms']);
    expect(judged(all, 0, { slowFactor: 0 })).toEqual([]);
    expect(judged(all, 0, { slowFactor: 50 })).toEqual([]);
  });

  it('do not with two replicas, with too few requests, or with a small difference', () => {
    expect(judged([timed('S1', 40), timed('S2', 812)])).toEqual([]);
    expect(judged([timed('S1', 40), timed('S2', 812, 19), timed('S3', 40)])).toEqual([]);
    expect(judged([timed('S1', 0.5), timed('S2', 12), timed('S3', 0.5)])).toEqual([]);
  });

  it('are classified so that the median is right to a fifth', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 40_000, noNaN: true }), (ms) => {
        const times = Array.from({ length: timeClasses }, () => 0);
        times[timeClassOf(ms)] = 3;
        expect(Math.abs(medianOf(times) / ms - 1)).toBeLessThan(0.2);
      }),
    );
  });
});

it('never lets more replicas be out than the share, and never all', () => {
  expect([0, 1, 2, 3, 4, 6, 10].map((count) => mayBeOut(count, config))).toEqual([0, 0, 1, 1, 1, 2, 3]);
  fc.assert(
    fc.property(fc.nat(100), fc.integer({ min: 1, max: 90 }), (count, maxEjectionPercent) => {
      const out = mayBeOut(count, { ...config, maxEjectionPercent });
      expect(out).toBeLessThan(Math.max(1, count));
      if (out > 1) expect(out / count).toBeLessThanOrEqual(maxEjectionPercent / 100);
    }),
  );
});

it('lets ejections grow up to a limit, and forgets one for as much healthy time', () => {
  expect([1, 2, 9, 10, 11].map((count) => ejectionMs(count, config))).toEqual([
    30_000, 60_000, 270_000, 300_000, 300_000,
  ]);
  const ejection: Ejection = { count: 3, cause: 'slow', detail: '', generation: 1, since: 0, until: 1 };
  expect(remembered(undefined, 0, config)).toBe(0);
  expect(remembered(ejection, 1e9, config)).toBe(3);
  const ended = { ...ejection, ended: 1000 };
  const after = (ms: number): number => remembered(ended, 1000 + ms, config);
  expect([0, 29_999, 30_000, 60_000, 90_000, 1e9, -1e9].map(after)).toEqual([3, 3, 2, 1, 0, 0, 3]);
});
