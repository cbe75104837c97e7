import { describe, expect, it } from 'vitest';
import { arrivals, demand } from '../bench/load-uneven/arrivals.ts';
import type { Arrival } from '../bench/load-uneven/arrivals.ts';
import { parseCommandLine } from '../bench/load-uneven/command-line.ts';
import { percentile, valuesOf } from '../bench/load-uneven/measure.ts';
import { burstMs, fullPlan, keyCount, servers, shapes, slots } from '../bench/load-uneven/plan.ts';
import type { LoadName } from '../bench/load-uneven/plan.ts';
import { report, resultTables, targetTable } from '../bench/load-uneven/report.ts';
import type { LoadResults, Sample } from '../bench/load-uneven/results.ts';

const seconds = 200;
const serviceMs = 20;
const plan = { seconds, work: 'fixed' } as const;
const made = (load: LoadName, seed = 7): Arrival[] => arrivals(shapes[load], serviceMs, plan, seed);
const shareOf = (requests: readonly Arrival[], key: number): number =>
  requests.filter((each) => each.key === key).length / requests.length;

describe('the arrivals of an uneven load', () => {
  it('are the same for the same seed, and others for another one', () => {
    expect(made('zipf')).toEqual(made('zipf'));
    expect(made('zipf', 8)).not.toEqual(made('zipf'));
  });

  it('are as many as the share of the capacity says, in order, with gaps of a Poisson process', () => {
    const requests = made('zipf');
    const expected = (0.7 * seconds * 1000 * servers * slots) / serviceMs;
    expect(requests.length / expected).toBeCloseTo(1, 1);
    const gaps = requests.slice(1).map(({ atMs }, at) => atMs - (requests[at]?.atMs ?? 0));
    expect(Math.min(...gaps.slice(0, 10_000))).toBeGreaterThanOrEqual(0);
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const longer = gaps.filter((gap) => gap > mean).length / gaps.length;
    expect(longer).toBeCloseTo(Math.exp(-1), 1);
  });

  it('have keys by Zipf: the second key has 2^-0.9 of the requests of the first', () => {
    const requests = made('zipf');
    expect(shareOf(requests, 2) / shareOf(requests, 1)).toBeCloseTo(2 ** -0.9, 1);
    expect(requests.every(({ key }) => key >= 1 && key <= keyCount)).toBe(true);
  });

  it('give a hot key 40 %', () => expect(shareOf(made('hot'), 1)).toBeCloseTo(0.4, 1));

  it('come three times as fast in a burst', () => {
    const requests = made('burst');
    const from = (seconds * 1000) / 3;
    const countIn = (begin: number): number =>
      requests.filter(({ atMs }) => atMs >= begin && atMs < begin + burstMs).length;
    const before = (countIn(from - burstMs) + countIn(from - 2 * burstMs)) / 2;
    expect(countIn(from) / before).toBeGreaterThan(2.5);
    expect(countIn(from) / before).toBeLessThan(3.5);
  });

  it('take the same time, or differ around the mean', () => {
    expect(new Set(made('slow').map(({ workMs }) => workMs))).toEqual(new Set([serviceMs]));
    const times = arrivals(shapes.slow, serviceMs, { seconds, work: 'exponential' }, 1);
    const mean = times.reduce((sum, { workMs }) => sum + workMs, 0) / times.length;
    expect(mean / serviceMs).toBeCloseTo(1, 1);
  });

  it('ask each owner for a part of its capacity', () => {
    const requests = made('zipf');
    const demands = demand(requests, (key) => key % servers, { seconds });
    expect(demands.reduce((sum, each) => sum + each, 0) / servers).toBeCloseTo(0.7, 1);
    expect(demand(requests, () => 0, { seconds, slowdown: 2 })[0]).toBeCloseTo(2 * servers * 0.7, 0);
  });
});

describe('what the client saw', () => {
  const arrival = (key: number): Arrival => ({ atMs: 0, key, workMs: 1 });

  it('is the times of right answers, and the shares of those from elsewhere', () => {
    const answers = [
      { arrival: arrival(1), latencyMs: 5, server: 1, spilled: false },
      { arrival: arrival(1), latencyMs: 7, server: 2, spilled: true },
      { arrival: arrival(2), latencyMs: undefined, server: undefined, spilled: false },
    ];
    expect(valuesOf({ answers, lagsMs: [0, 1] }, (key) => key)).toEqual({
      requests: 3,
      p50: 5,
      p99: 7,
      max: 7,
      failed: 1,
      elsewhere: 50,
      spilled: 50,
      lag: 1,
    });
  });

  it('has percentiles that this part of the values do not exceed', () => {
    const values = Array.from({ length: 200 }, (_, at) => 200 - at);
    expect([0.5, 0.99, 1].map((part) => percentile(values, part))).toEqual([100, 198, 200]);
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe('the command line of the bench of uneven load', () => {
  it('means a full run of everything by default', () =>
    expect(parseCommandLine([])).toMatchObject({ plan: fullPlan, settings: {} }));

  it('takes loads, systems, settings and parts of the plan', () =>
    expect(
      parseCommandLine(['--only', 'hot,loose', '--set', 'LOAD_BOUND=1.5', '--set', 'A=', '--exponential']),
    ).toMatchObject({
      loads: ['hot'],
      systems: ['loose'],
      settings: { LOAD_BOUND: '1.5', A: '' },
      plan: { ...fullPlan, work: 'exponential' },
    }));

  it.each([
    ['--only', 'x'],
    ['--rounds', '0'],
    ['--set', 'x=1'],
    ['--service-ms', '20x'],
  ])('refuses %s %s', (name, value) => expect(() => parseCommandLine([name, value])).toThrow(value));
});

describe('the report of the bench of uneven load', () => {
  const sample = (system: Sample['system'], load: LoadName, round: number, p99: number): Sample => ({
    system,
    load,
    round,
    serviceMs: 20,
    faults: [],
    values: {
      requests: 100,
      p50: 1,
      p99,
      max: p99,
      failed: 0,
      elsewhere: 0,
      spilled: 0,
      demand: 90,
      lag: 0,
      cpu: { gateway: 10 },
    },
  });
  const samples = [
    sample('strict', 'zipf', 1, 1000),
    sample('loose', 'zipf', 1, 90),
    sample('strict', 'zipf', 2, 2000),
    sample('loose', 'zipf', 2, 140),
    sample('loose', 'hot', 1, 300),
    sample('haproxy', 'hot', 1, 200),
    { ...sample('loose', 'hot', 2, 100), faults: ['the client was late'] },
    sample('haproxy', 'hot', 2, 200),
  ];
  const results: LoadResults = {
    date: '2026-12-01T10:00:00.000Z',
    quick: false,
    plan: { ...fullPlan, rounds: 2, serviceMs: [20] },
    settings: { LOAD_BOUND: '1.5' },
    machine: { processors: 2, model: 'x', memoryMb: 1, system: 'x', versions: {}, loadBefore: 0 },
    samples,
    missing: [{ system: 'nginx', why: 'nginx is not installed' }],
  };

  it('compares within each round, and does not count a sample of a late client', () => {
    const rows = targetTable(results).split('\n').slice(2);
    expect(rows).toEqual([
      expect.stringMatching(/^\| zipf, 20 ms.*\| 0\.08 \(0\.07–0\.09\) \| ≤ 0\.1 × \| yes \|$/),
      expect.stringMatching(/^\| hot, 20 ms.*\| 1\.5 \(1\.5–1\.5\) \| ≤ 1 × \| \*\*no\*\* \|$/),
    ]);
  });

  it('has a table for each load that was measured', () => {
    expect(resultTables(results).match(/^## .*$/gm)).toEqual([
      '## zipf, requests of 20 ms',
      '## hot, requests of 20 ms',
    ]);
    expect(resultTables(results)).toContain('| ringpost, loose (the client was late) |');
  });

  it('says which settings were given, and what was left out', () => {
    expect(report(results)).toContain('`LOAD_BOUND=1.5`');
    expect(report(results)).toMatch(/Left out: nginx \(nginx is\s+not installed\)/);
  });
});
