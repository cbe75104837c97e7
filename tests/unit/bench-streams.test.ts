import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../bench/streams/command-line.ts';
import { bulk, eventBytes, events, Pattern } from '../bench/streams/pattern.ts';
import { fullPlan } from '../bench/streams/plan.ts';
import { report, resultTable } from '../bench/streams/report.ts';
import type { Sample } from '../bench/streams/sample.ts';
import { reached } from '../bench/streams/targets.ts';

describe('a pattern', () => {
  const pattern = new Pattern(Buffer.from('abcde'));

  it('gives the bytes from any position on', () => {
    expect(pattern.at(0, 3).toString()).toBe('abc');
    expect(pattern.at(13, 4).toString()).toBe('deab');
  });

  it('finds no fault in the right bytes, however they are cut', () => {
    const all = Buffer.from('abcde'.repeat(40));
    for (let from = 0; from < 12; from += 1) {
      for (let to = from; to < 60; to += 1) expect(pattern.firstWrong(from, all.subarray(from, to))).toBe(-1);
    }
  });

  it('finds the first wrong byte, in the first period and in a later one', () => {
    expect(pattern.firstWrong(3, Buffer.from('dxabc'))).toBe(4);
    expect(pattern.firstWrong(0, Buffer.from('abcdeabcdeabcdX'))).toBe(14);
  });

  it('finds bytes that are missing or there twice', () => {
    const bytes = Buffer.concat(
      Array.from({ length: 300 }, (_, at) => events.at(at * eventBytes, eventBytes)),
    );
    const missing = Buffer.concat([bytes.subarray(0, 20 * eventBytes), bytes.subarray(21 * eventBytes)]);
    const twice = Buffer.concat([bytes.subarray(0, 20 * eventBytes), bytes.subarray(19 * eventBytes)]);
    expect(events.firstWrong(0, bytes)).toBe(-1);
    expect(events.firstWrong(0, missing)).toBeGreaterThanOrEqual(20 * eventBytes);
    expect(events.firstWrong(0, twice)).toBeGreaterThanOrEqual(20 * eventBytes);
    expect(bulk.firstWrong(65_536, bulk.at(0, 65_536))).toBeLessThan(65_546);
  });

  it('consists of whole server-sent events of 100 bytes', () => {
    const event = events.at(42 * eventBytes, eventBytes).toString();
    expect(event).toMatch(/^data: 0042 q+\n\n$/);
  });
});

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
