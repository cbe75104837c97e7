import { describe, expect, it } from 'vitest';
import type { AnswerCounts } from '#shared/contract/answer-counts.ts';
import type { Ejection } from '#shared/contract/ejection.ts';
import { returnStep } from '../../gateway/outliers/return.ts';
import type { SeenEjected } from '../../gateway/outliers/return.ts';
import { outlierConfig } from '../../gateway/outliers/outlier-settings.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';

const config = loadGatewayConfig({ OUTLIER_DETECTION: 'on' }).outliers ?? failed();
function failed(): never {
  throw new Error('outlier detection is off');
}

const base: Ejection = {
  count: 1,
  cause: 'consecutive_5xx',
  detail: '7 consecutive 5xx',
  generation: 4,
  since: 1000,
  until: 31_000,
};
const counts: AnswerCounts = {
  answered: 9,
  failed: 7,
  failedInRow: 7,
  keysFailed: 2,
  gatewayFailedInRow: 0,
  keysGatewayFailed: 0,
  probe: 0,
  probeMs: 0,
  times: [],
};
const seen: SeenEjected = {
  generation: 4,
  counts,
  hold: undefined,
  isAsleep: false,
  othersServe: true,
  isSent: true,
};

const step = (now: number, ejection: Partial<Ejection> = {}, more: Partial<SeenEjected> = {}): string => {
  const found = returnStep({ ...base, ...ejection }, { ...seen, ...more }, config, now, 1500);
  return 'why' in found ? `${found.do}: ${found.why}` : found.do;
};

it('is off by default, and refuses values that contradict each other', () => {
  expect(loadGatewayConfig({}).outliers).toBe(undefined);
  expect(() => loadGatewayConfig({ OUTLIER_SLOW_FACTOR: '1' })).toThrow('OUTLIER_SLOW_FACTOR is 1');
  const long = { OUTLIER_BASE_EJECTION_MS: '600000' };
  expect(() => loadGatewayConfig(long)).toThrow('but OUTLIER_MAX_EJECTION_MS is 300000');
  expect(outlierConfig).toBeTypeOf('function');
});

describe('an ejected replica', () => {
  it('waits for its time, then for one probe', () => {
    expect(step(2000)).toBe('wait');
    expect(step(30_999)).toBe('wait');
    expect(step(31_000)).toBe('probe: its time is over');
    expect(step(31_500, { probe: 31_000 })).toBe('wait');
    expect(step(37_499, { probe: 31_000 })).toBe('wait');
    expect(step(37_500, { probe: 31_000 })).toBe('longer: it did not answer in 5000 ms');
    const probed = (probeMs: number): Partial<SeenEjected> => ({
      counts: { ...counts, probe: 31_000, probeMs },
    });
    expect(step(31_500, { probe: 31_000 }, probed(12))).toBe('end: it answered a probe after 12 ms');
    expect(step(31_500, { probe: 31_000 }, probed(-1))).toMatch(/^longer: it answered with a 5xx/);
    expect(step(31_500, { probe: 31_000 }, { unsent: 'no right' })).toMatch(/^end: its probe could not be/);
    // A controller that ended before it sent the probe.
    expect(step(37_499, { probe: 31_000 }, { isSent: false })).toBe('wait');
    expect(step(37_500, { probe: 31_000 }, { isSent: false })).toMatch(/^probe: the probe of another/);
    // The result of an earlier probe says nothing.
    expect(step(31_500, { probe: 31_400 }, probed(12))).toBe('wait');
  });

  it('that was slow must answer its probe as fast as the others, but is not out for ever', () => {
    const probed = { counts: { ...counts, probe: 31_000, probeMs: 800 } };
    const slow = { cause: 'slow', limitMs: 200, probe: 31_000 } as const;
    expect(step(31_500, slow, probed)).toBe('longer: it answered after 800 ms, and had 200 ms');
    expect(step(31_500, { ...slow, count: 10 }, probed)).toBe('end: it answered a probe after 800 ms');
  });

  it('returns at once with a new worker, when an operator holds it, and when no other one serves', () => {
    expect(step(2000, {}, { generation: 5, counts: undefined })).toBe('end: it has a new worker');
    expect(step(2000, {}, { isAsleep: true, generation: undefined })).toMatch(/^end: it sleeps/);
    expect(step(2000, {}, { hold: 'drained' })).toBe('end: an operator holds it: drained');
    expect(step(2000, {}, { othersServe: false })).toBe('end: no other replica serves');
  });

  it('without a worker returns without a probe when its time is over', () => {
    const gone = { generation: undefined, counts: undefined };
    expect(step(2000, {}, gone)).toBe('wait');
    expect(step(31_000, {}, gone)).toBe('end: its time is over, and it has no worker to probe');
  });

  it('is not out for ever if the clock is set back', () => {
    expect(step(500)).toBe('end: the time of its return is unknown');
    expect(step(2000, { until: 1e12 })).toBe('end: the time of its return is unknown');
  });
});
