import { describe, expect, it } from 'vitest';
import type { FileResult } from '../runner/summary.ts';
import { runFailedAgain } from '../runner/second-run.ts';
import { countLine, durationLine, failedTests, slowestFiles } from '../runner/summary.ts';

const result = (parts: Partial<FileResult>): FileResult => ({
  file: 'a.test.ts',
  tookMs: 0,
  passed: 1,
  failed: 0,
  skipped: 0,
  broken: false,
  failures: [],
  ...parts,
});

describe('the last lines of npm test', () => {
  it('count the tests of all files', () => {
    const results = [result({ passed: 3, failed: 1 }), result({ passed: 2, skipped: 4 })];
    expect(countLine(results, false)).toBe('5 passed, 1 failed, 4 skipped');
  });

  it('count a file that could not be loaded as a failure', () => {
    expect(countLine([result({}), result({ passed: 0, broken: true })], false)).toBe(
      '1 passed, 1 failed, 0 skipped',
    );
  });

  it('count an error outside all tests as a failure', () => {
    expect(countLine([result({})], false)).toBe('1 passed, 1 failed, 0 skipped');
    expect(countLine([], true)).toBe('0 passed, 0 failed, 0 skipped');
  });

  it('name the ten slowest files that took at least a second, the slowest first', () => {
    const results = Array.from({ length: 20 }, (_, at) => result({ file: `${at}.ts`, tookMs: at * 500 }));
    const lines = slowestFiles(results);
    expect(lines).toHaveLength(10);
    expect(lines[0]).toBe('    9.5 s  19.ts');
    expect(slowestFiles([result({ tookMs: 999 })])).toEqual([]);
  });

  it('name each failed test with its error, and each file that could not be loaded', () => {
    const failures = ['a ring > is empty: expected 1 to be 0'];
    expect(failedTests([result({}), result({ failures }), result({ passed: 0, broken: true })])).toEqual([
      '  failed: a.test.ts: a ring > is empty: expected 1 to be 0',
      '  failed: a.test.ts: it could not be loaded',
    ]);
  });

  it('say how long the run took, and the processor time if it is known', () => {
    expect(durationLine(3, 61_400, 90_000)).toBe('3 test files in 61.4 s, 90.0 s of processor time');
    expect(durationLine(3, 61_400, undefined)).toBe('3 test files in 61.4 s');
  });
});

describe('a file that failed', () => {
  const failures = ['a ring > is empty: expected 1 to be 0'];
  const failed = result({ file: 'b.test.ts', passed: 2, failed: 1, failures });
  const passed = result({ file: 'b.test.ts', passed: 3 });

  it('runs once more by itself, and the second result counts', async () => {
    const ran: string[] = [];
    const runAlone = async (file: string): Promise<FileResult[]> => (ran.push(file), [passed]);
    expect(await runFailedAgain([result({}), failed], runAlone)).toEqual({
      results: [result({}), passed],
      mended: [failed],
    });
    expect(ran).toEqual(['b.test.ts']);
  });

  it('stays failed if it fails again, or cannot be run again', async () => {
    const expected = { results: [result({}), failed], mended: [] };
    expect(await runFailedAgain([result({}), failed], async () => [failed])).toEqual(expected);
    expect(await runFailedAgain([result({}), failed], async () => [])).toEqual(expected);
  });

  it('does not run again if it was the only file, or one of too many', async () => {
    const never = (): Promise<FileResult[]> => Promise.reject(new Error('it ran'));
    expect(await runFailedAgain([failed], never)).toEqual({ results: [failed], mended: [] });
    const many = Array.from({ length: 21 }, (_, at) => result({ file: `${at}.ts`, failed: 1 }));
    expect(await runFailedAgain(many, never)).toEqual({ results: many, mended: [] });
  });
});
