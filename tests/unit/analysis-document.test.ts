import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../analysis/command-line.ts';
import { document } from '../analysis/document.ts';
import { expectedShares, ringWith } from '../analysis/expected-shares.ts';
import type { Kill } from '../analysis/recovery.ts';
import { sweepSizes } from '../analysis/results.ts';
import type { Results } from '../analysis/results.ts';
import { slotUse } from '../analysis/slots.ts';
import { assignment, strategies } from '../analysis/strategy.ts';
import type { Strategy } from '../analysis/strategy.ts';
import type { ThroughputRun } from '../analysis/throughput.ts';

/** A run that came out as expected. */
function run({ parameters, bounded }: Strategy, count: number): ThroughputRun {
  const ring = ringWith(parameters, count);
  const shares = expectedShares(ring);
  return {
    replicas: ring.members.map(({ name }) => name),
    requests: 10_000,
    counts: shares.map((share) => Math.round(share * 10_000)),
    shares,
    exact: !bounded,
    perSecond: 1234.5,
    p50Ms: 3.25,
    p99Ms: 45.6,
    failures: new Map(),
  };
}

const kill = (victim: string, keysMs: number, failures: readonly [string, number][] = []): Kill => ({
  victim,
  workersMs: 300,
  allServeMs: 350,
  keysMs,
  slowestMs: 400,
  requests: 600,
  failures: new Map(failures),
  timeline: [{ fromMs: 0, replica: victim, answers: 3 }],
});

const results: Results = {
  first: run(assignment, 3),
  slotUse: slotUse(ringWith(assignment.parameters, 3)),
  calls: [{ request: 'GET /rep', status: 200, answer: '{"a":"b|c"}', ms: 2.5 }],
  strategies: strategies.map((strategy) => ({
    strategy,
    sizes: sweepSizes.map((count) => ({
      run: run(strategy, count),
      kills: [kill('S1', 310), kill('S2', 320, [['outcome_unknown', 2]]), kill('S3', 900)],
    })),
  })),
};
const machine = { processors: 2, load: 0.4, node: 'v26.0.0', day: new Date('2026-11-25T12:00:00Z') };
const written = document(results, parseCommandLine([]), machine);

describe('the document of the analysis', () => {
  it('says at its top that it is generated, and by which command', () => {
    expect(written.split('\n').slice(0, 3).join('\n')).toContain(
      'Written by `npm run analysis`. Do not edit',
    );
    expect(document(results, parseCommandLine(['--seed', '4']), machine)).toContain(
      '`npm run analysis -- --seed 4`',
    );
  });

  it('has the measured beside the expected', () => {
    expect(written).toContain('| S1 | 8,437 | 8437.5 | 36.3 | −0.01 | 84.4 % |');
    expect(written).toContain('| S2 | 469 | 468.7 | 21.1 | +0.01 | 4.7 % |');
  });

  it('has the medians of the kills, and all that failed', () => {
    expect(written).toContain('| S2 | 300 | 350 | 320 | 400 | 600 | 2 outcome_unknown |');
    expect(written).toContain('| **median of 3** | 300 | 350 | 320 | 400 | 1,800 | 2 outcome_unknown |');
  });

  it('says what is tested and what is not', () => {
    expect(written).toMatch(/\| murmur3, bounded \| 6 \|.* no test \|/);
    expect(written).toContain('no feature of ringpost');
  });

  it('shows a bar within an answer without ending the cell', () => {
    expect(written).toContain('| `GET /rep` | 200 | 2.5 | `{"a":"b\\|c"}` |');
  });

  it('has rows as long as their heads, and nothing that is not known', () => {
    expect(written).not.toMatch(/undefined|NaN|Infinity|\[object/);
    for (const block of written.split('\n\n').filter((each) => each.startsWith('|'))) {
      const lengths = block.split('\n').map((row) => row.replaceAll('\\|', '').split('|').length);
      expect(new Set(lengths).size, block).toBe(1);
    }
  });

  it('embeds a chart for each of the four parts', () => {
    const charts = [...written.matchAll(/\]\((charts\/[^)]+)\)/g)].map(([, file]) => file);
    expect(charts).toEqual([
      'charts/analysis-a1.svg',
      'charts/analysis-a2.svg',
      'charts/analysis-a3.svg',
      'charts/analysis-a4-requests.svg',
      'charts/analysis-a4-loads.svg',
      'charts/analysis-a4-spread.svg',
      'charts/analysis-a4-speed.svg',
      'charts/analysis-a4-recovery.svg',
    ]);
  });
});

describe('the command line of the analysis', () => {
  it('writes docs/analysis.md, and a quick run nothing unless it is told where', () => {
    expect(parseCommandLine([])).toMatchObject({ requests: 10_000, kills: 6, report: 'docs/analysis.md' });
    expect(parseCommandLine(['--quick'])).toMatchObject({ requests: 300, kills: 1, report: undefined });
    expect(parseCommandLine(['--quick', '--report', 'a.md']).report).toBe('a.md');
  });

  it('takes a seed, and none for the ids of the gateway', () => {
    expect(parseCommandLine([]).seed).toBeUndefined();
    expect(parseCommandLine(['--seed', '0']).seed).toBe(0);
  });

  it.each([
    ['--requests', '0'],
    ['--kills', 'many'],
    ['--seed', '-1'],
    ['--rate', '1.5'],
  ])('refuses %s %s', (name, value) => {
    expect(() => parseCommandLine([`${name}=${value}`])).toThrow(
      `${name} is ${value}; it must be a whole number`,
    );
  });
});
