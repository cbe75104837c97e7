import { describe, expect, it } from 'vitest';
import { timeBucketsMs } from '#shared/contract/gateway-report.ts';
import type { GatewayReport, ReplicaCounts } from '#shared/contract/gateway-report.ts';
import { pairsWith, percentilesOf, ratesOf } from '../../gateway/api/samples.ts';
import type { ReportPairs } from '../../gateway/api/samples.ts';
import { TimesByReplica } from '../../gateway/metrics/replica-times.ts';

/** @returns counts by bucket with `count` in the one of a bound. */
function inBucket(bound: number, count: number): number[] {
  const filled = Array.from({ length: timeBucketsMs.length + 1 }, () => 0);
  filled[timeBucketsMs.findIndex((each) => each === bound)] = count;
  return filled;
}

function counts(requests: number, failures = 0): ReplicaCounts {
  const times = {
    wait: inBucket(2, requests),
    service: inBucket(10, requests),
    total: inBucket(15, requests),
  };
  return { requests, failures, ...times };
}

function report(name: string, at: number, more: Partial<GatewayReport> = {}): GatewayReport {
  return {
    name,
    role: 'both',
    address: null,
    host: 'here',
    pid: 1,
    version: '1',
    since: 0,
    at,
    rssBytes: 1,
    heapBytes: 1,
    eventLoopLagMs: 1,
    inFlight: 0,
    heldBytes: 0,
    counts: {},
    ...more,
  };
}

const start = 100_000;
const after = (...reads: readonly (readonly GatewayReport[])[]): ReportPairs =>
  reads.reduce<ReportPairs>((pairs, reports) => pairsWith(pairs, reports), new Map());

describe('the rates between reports', () => {
  it('are the differences of the counts of all gateways', () => {
    const pairs = after(
      [
        report('a', start, { counts: { S1: counts(100, 1), S2: counts(10) } }),
        report('b', start + 500, { counts: { S1: counts(50) } }),
      ],
      [
        report('a', start + 2000, { counts: { S1: counts(120, 5), S2: counts(10) } }),
        report('b', start + 2500, { counts: { S1: counts(90) } }),
      ],
    );
    const { sample, replicas, gateways } = ratesOf(pairs, start + 3000);
    expect(sample).toMatchObject({ at: start + 3000, requestsPerS: 30, failuresPerS: 2 });
    expect(sample.waitMs?.p50).toBe(1.5);
    expect(sample.totalMs?.p99).toBeCloseTo(14.95, 5);
    expect(replicas.get('S1')).toMatchObject({ requestsPerS: 30, failuresPerS: 2 });
    expect(replicas.get('S2')).toEqual({
      requestsPerS: 0,
      failuresPerS: 0,
      spilledInPerS: 0,
      spilledOutPerS: 0,
      waitMs: null,
      serviceMs: null,
    });
    expect([...gateways]).toEqual([
      ['a', 10],
      ['b', 20],
    ]);
  });

  it('count spills at both replicas, once in the sample, and none of gateways that do not say them', () => {
    const pairs = after(
      [
        report('a', start, { counts: { S1: { ...counts(10), spilledOut: 4 }, S2: counts(10) } }),
        report('old', start, { counts: { S1: counts(10) } }),
      ],
      [
        report('a', start + 2000, {
          counts: { S1: { ...counts(10), spilledOut: 10 }, S2: { ...counts(16), spilledIn: 6 } },
        }),
        report('old', start + 2000, { counts: { S1: counts(20) } }),
      ],
    );
    const { sample, replicas } = ratesOf(pairs, start + 3000);
    expect(sample.spilledPerS).toBe(3);
    expect(replicas.get('S1')).toMatchObject({ spilledInPerS: 0, spilledOutPerS: 3 });
    expect(replicas.get('S2')).toMatchObject({ spilledInPerS: 3, spilledOutPerS: 0 });
  });

  it('stay if a report is read twice, as reports and reads are not in step', () => {
    const first = report('a', start, { counts: { S1: counts(100) } });
    const second = report('a', start + 2000, { counts: { S1: counts(140) } });
    const rate = (pairs: ReportPairs): number => ratesOf(pairs, start + 4000).sample.requestsPerS;
    expect(rate(after([first], [second]))).toBe(20);
    expect(rate(after([first], [second], [second]))).toBe(20);
  });

  it('do not jump when a gateway is seen for the first time, starts again or leaves', () => {
    const old = report('a', start, { counts: { S1: counts(1000) } });
    expect(ratesOf(after([old]), start).sample.requestsPerS).toBe(0);
    const again = report('a', start + 4000, { since: start + 2000, counts: { S1: counts(30) } });
    expect(ratesOf(after([old], [again]), start + 4000).sample.requestsPerS).toBe(15);
    expect([...after([old], [again], []).keys()]).toEqual([]);
  });

  it('count a new gateway from its start', () => {
    const fresh = report('a', start + 1000, { since: start, counts: { S1: counts(20) } });
    expect(ratesOf(after([fresh]), start + 1000).sample.requestsPerS).toBe(20);
  });

  it('are 0 for a gateway that has been silent for long', () => {
    const pairs = after([report('a', start)], [report('a', start + 2000, { counts: { S1: counts(40) } })]);
    expect(ratesOf(pairs, start + 3000).sample.requestsPerS).toBe(20);
    expect(ratesOf(pairs, start + 9000).sample).toMatchObject({ requestsPerS: 0, totalMs: null });
  });

  it('count a replica that was removed and added again from 0', () => {
    const pairs = after(
      [report('a', start, { counts: { S1: counts(1000, 9) } })],
      [report('a', start + 2000, { counts: { S1: counts(10, 2) } })],
    );
    expect(ratesOf(pairs, start + 2000).sample).toMatchObject({ requestsPerS: 5, failuresPerS: 1 });
  });
});

describe('the rates of a large system, whose reports have only sums', () => {
  const sums = [
    report('a', start, { sum: counts(100) }),
    report('a', start + 2000, { sum: counts(140, 2) }),
  ] as const;

  it('are the differences of the sums, and by replica those of the counts that were read apart', () => {
    const pairs = after([sums[0]], [sums[1]]);
    const counted = after(
      [report('a', start, { counts: { S1: counts(60), S2: counts(40) } })],
      [report('a', start + 2000, { counts: { S1: counts(80), S2: counts(60, 2) } })],
    );
    const { sample, replicas, gateways } = ratesOf(pairs, start + 2000, counted);
    expect(sample).toMatchObject({ requestsPerS: 20, failuresPerS: 1 });
    expect(gateways.get('a')).toBe(20);
    expect(replicas.get('S1')?.requestsPerS).toBe(10);
    expect(replicas.get('S2')).toMatchObject({ requestsPerS: 10, failuresPerS: 1 });
    expect(ratesOf(pairs, start + 2000).replicas.size).toBe(0);
  });

  it('count spills, also those of replicas that are gone', () => {
    const times = new TimesByReplica();
    const first = report('a', start, { sum: times.sum });
    for (let spill = 0; spill < 4; spill += 1) times.countSpill('S1', 'S2');
    times.keepOnly((replica) => replica !== 'S2');
    times.countSpill('S1', 'S3');
    times.countSpill('S1', 'S3');
    const second = report('a', start + 2000, { sum: times.sum });
    expect(second.sum).toMatchObject({ spilledIn: 6, spilledOut: 6 });
    expect(ratesOf(after([first], [second]), start + 2000).sample.spilledPerS).toBe(3);
  });

  it('are 0 between two reports of which only one has a sum', () => {
    const small = report('a', start, { counts: { S1: counts(100) } });
    const later = report('a', start + 4000, { counts: { S1: counts(500) } });
    expect(ratesOf(after([small], [sums[1]]), start + 2000).sample.requestsPerS).toBe(0);
    expect(ratesOf(after([sums[1]], [later]), start + 4000).sample.requestsPerS).toBe(0);
  });
});

describe('percentiles', () => {
  it('are null if nothing was counted', () => {
    expect(percentilesOf([])).toBeNull();
    expect(percentilesOf([0, 0])).toBeNull();
  });

  it('lie within the bucket of their rank', () => {
    const mixed = inBucket(1, 98);
    mixed[timeBucketsMs.indexOf(250)] = 2;
    const { p50 = 0, p95 = 0, p99 = 0 } = percentilesOf(mixed) ?? {};
    expect(p50).toBeLessThanOrEqual(1);
    expect(p95).toBeLessThanOrEqual(1);
    expect(p99).toBeGreaterThan(150);
    expect(p99).toBeLessThanOrEqual(250);
  });

  it('are the last bound for what took longer', () => {
    const slow = Array.from({ length: timeBucketsMs.length + 1 }, () => 0);
    slow[timeBucketsMs.length] = 3;
    expect(percentilesOf(slow)).toEqual({ p50: 30_000, p95: 30_000, p99: 30_000 });
  });
});
