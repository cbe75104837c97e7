import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../bench/streams/command-line.ts';
import { fullPlan } from '../bench/streams/plan.ts';
import { report, resultTable } from '../bench/streams/report.ts';
import type { Sample } from '../bench/streams/sample.ts';
import { reached } from '../bench/streams/targets.ts';

const sample = (system: string, round: number, row: Sample['row'], values: Sample['values']): Sample => ({
  system,
  round,
  row,
  values,
  faults: [],
});

const samples = [
  sample('ringpost', 1, 'first-byte', { firstByteMs: 3 }),
  sample('proxy', 1, 'first-byte', { firstByteMs: 2 }),
  sample('ringpost', 2, 'first-byte', { firstByteMs: 9 }),
  sample('proxy', 2, 'first-byte', { firstByteMs: 7.8 }),
  sample('ringpost', 1, 'chunks', { cpu: 120, chunksPerS: 6400 }),
  sample('proxy', 1, 'chunks', { cpu: 30, chunksPerS: 6400 }),
  sample('ringpost', 1, 'idle', { lossPercent: 4 }),
];

describe('what was reached', () => {
  const met = (of: readonly Sample[]) => reached(of).map(({ target, met: is }) => [target.value, is]);

  it('is compared in each round, with the median of the rounds', () => {
    const [first] = reached(samples);
    expect(first?.compared?.median).toBeCloseTo(1.1);
    expect(first?.own.median).toBe(6);
  });

  it('meets a target or not', () =>
    expect(met(samples)).toEqual([
      ['firstByteMs', true],
      ['cpu', false],
      ['chunksPerS', true],
      ['lossPercent', true],
    ]));

  it('is left open without the other system', () =>
    expect(met(samples.filter(({ system }) => system === 'ringpost'))).toEqual([
      ['firstByteMs', undefined],
      ['cpu', undefined],
      ['chunksPerS', undefined],
      ['lossPercent', true],
    ]));

  it('has nothing of a sample with wrong answers', () =>
    expect(met(samples.map((each) => ({ ...each, faults: ['wrong'] })))).toEqual([]));
});

it('shows each target with both systems', () => {
  expect(resultTable(samples).split('\n')[2]).toBe(
    '| time to the first byte, one client, p50 in ms | 6 (3–9) | proxy 4.9 (2–7.8) | 1.1 (1–1.2) | ≤ 1.5 more | yes |',
  );
});

it('writes a report with the table and the machine', () => {
  const machine = {
    processors: 2,
    model: 'A processor',
    memoryMb: 1,
    system: 'Linux',
    versions: { node: '26.10.0' },
    loadBefore: 0,
  };
  const text = report({
    date: '2026-11-29T12:00:00Z',
    quick: false,
    plan: fullPlan,
    machine,
    samples,
    missing: [],
  });
  expect(text).toContain('2 processors (A processor)');
  expect(text).toContain(resultTable(samples));
});

describe('the command line of the bench of streams', () => {
  it('means five rounds of everything by default', () =>
    expect(parseCommandLine([])).toMatchObject({
      plan: { rounds: 5, idleStreams: 1000, workers: 3 },
      rows: ['first-byte', 'chunks', 'plain', 'idle', 'large'],
      withProxy: true,
    }));

  it('takes a part, and one short round', () =>
    expect(parseCommandLine(['--quick', '--only', 'large,chunks', '--workers', '1'])).toMatchObject({
      plan: { rounds: 1, workers: 1 },
      rows: ['chunks', 'large'],
    }));

  it.each([
    ['--only', 'everything'],
    ['--rounds', '0'],
    ['--seconds', 'x'],
  ])('refuses %s %s', (name, value) => expect(() => parseCommandLine([name, value])).toThrow(value));
});
