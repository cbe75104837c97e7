import { describe, expect, it } from 'vitest';
import { mergeResults } from '../bench/merge-results.ts';
import { withKeptSections } from '../bench/report/kept-sections.ts';
import { reached, targets } from '../bench/targets.ts';
import { benchResults, benchSample } from '../fixtures/bench-results.ts';

describe('the targets of the bench', () => {
  const pair = (round: number, request: string, ours: number, theirs: number) => [
    benchSample('ringpost', round, 64, ours, 10, request),
    benchSample('bee-queue', round, 64, theirs, 10, request),
  ];

  it('are those of the issue', () => expect(targets).toHaveLength(15));

  it('are compared with the ratio within each round, the missed ones first', () => {
    const samples = [...pair(1, 'get', 1000, 900), ...pair(1, 'post', 1000, 1000)];
    expect(reached(samples, 'ringpost')).toMatchObject([
      { target: { request: 'post', against: 'bee-queue', atLeast: 1.1 }, ratio: { median: 1 }, met: false },
      { target: { request: 'get', against: 'bee-queue', atLeast: 1 }, met: true },
    ]);
  });

  it('do not count a sample with faults', () => {
    const samples = pair(1, 'get', 1000, 900).map((sample) => ({ ...sample, faults: ['wrong'] }));
    expect(reached(samples, 'ringpost')).toEqual([]);
  });
});

describe('results of several runs', () => {
  it('have rounds of their own, so that no ratio is of two runs', () => {
    const first = benchResults([benchSample('ringpost', 1, 64, 100, 1)]);
    const second = benchResults([benchSample('peer', 1, 64, 50, 1)]);
    const merged = mergeResults(first, second, benchResults([]));
    expect(merged.samples.map(({ system, round }) => [system, round])).toEqual([
      ['ringpost', 1],
      ['peer', 2],
    ]);
    expect(merged.runs).toHaveLength(2);
  });
});

describe('a report over an earlier one', () => {
  const after = '# Performance\n\n## Rates\n\nnew\n\n## Limits\n\nnew\n';
  const before =
    '# Performance\n\n## Growth\n\nold curves\n\n## Limits\n\nold\n\n## Method\n\nload 1. Date:\n2026-11-26 UTC\n';

  it('keeps the curves that were not measured again, and says when they were', () =>
    expect(withKeptSections(before, after)).toBe(
      '# Performance\n\n## Rates\n\nnew\n\n## Growth\n\nKept from an earlier report: measured on 2026-11-26, ' +
        'with the version of that day.\n\nold curves\n\n## Limits\n\nnew\n',
    ));

  it('keeps their date when they are kept again', () => {
    const once = withKeptSections(before, after);
    expect(withKeptSections(`${once}\nDate: 2027-01-01`, after)).toBe(once);
  });

  it('takes new curves instead', () => {
    const fresh = after.replace('## Limits', '## Growth\n\nnew curves\n\n## Limits');
    expect(withKeptSections(before, fresh)).toBe(fresh);
  });
});
