import { describe, expect, it } from 'vitest';
import type { FileResult } from '../runner/summary.ts';
import { outsideErrorOf, withOutsideErrors } from '../runner/outside-errors.ts';
import { runFailedAgain } from '../runner/second-run.ts';
import { countLine, durationLine, failureLines, skipLines, slowestFiles } from '../runner/summary.ts';

const result = (parts: Partial<FileResult>): FileResult => ({
  file: 'a.test.ts',
  tookMs: 0,
  passed: 1,
  skipped: 0,
  skipReasons: [],
  failures: [],
  ...parts,
});

describe('the last lines of npm test', () => {
  it('count the tests of all files', () => {
    const results = [result({ passed: 3, failures: ['a ring: no'] }), result({ passed: 2, skipped: 4 })];
    expect(countLine(results, 0, false)).toBe('5 passed, 1 failed, 4 skipped');
  });

  it('count what belongs to no file as a failure', () => {
    expect(countLine([result({})], 2, false)).toBe('1 passed, 2 failed, 0 skipped');
  });

  it('count a failed run as a failure if nothing in it failed', () => {
    expect(countLine([result({})], 0, false)).toBe('1 passed, 1 failed, 0 skipped');
    expect(countLine([], 0, true)).toBe('0 passed, 0 failed, 0 skipped');
  });

  it('name the ten slowest files that took at least a second, the slowest first', () => {
    const results = Array.from({ length: 20 }, (_, at) => result({ file: `${at}.ts`, tookMs: at * 500 }));
    const lines = slowestFiles(results);
    expect(lines).toHaveLength(10);
    expect(lines[0]).toBe('    9.5 s  19.ts');
    expect(slowestFiles([result({ tookMs: 999 })])).toEqual([]);
  });

  it('name each failure, also one that belongs to no file', () => {
    const failures = ['a ring > is empty: expected 1 to be 0', 'an error outside of any test: no'];
    expect(failureLines([result({}), result({ failures })], ['unknown file: no'])).toEqual([
      '  failed: a.test.ts: a ring > is empty: expected 1 to be 0',
      '  failed: a.test.ts: an error outside of any test: no',
      '  failed: unknown file: no',
    ]);
  });

  it('name the reasons for which tests were skipped, with their number and files', () => {
    const reason = 'it needs one server';
    const some = [
      result({ file: 'e2e/a.test.ts', skipped: 2, skipReasons: [reason, reason] }),
      result({ file: 'e2e/b.test.ts', skipped: 2, skipReasons: [reason, 'there is no python3'] }),
    ];
    expect(skipLines(some)).toEqual([
      '  3 tests of a.test.ts, b.test.ts: it needs one server',
      '  1 test of b.test.ts: there is no python3',
    ]);
  });

  it('say how long the run took, and the processor time if it is known', () => {
    expect(durationLine(3, 61_400, 90_000)).toBe('3 test files in 61.4 s, 90.0 s of processor time');
    expect(durationLine(3, 61_400, undefined)).toBe('3 test files in 61.4 s');
  });
});

describe('an error outside of any test', () => {
  const thrown = (message: unknown, path?: string): unknown => ({ message, VITEST_TEST_PATH: path });

  it('is a failure of its file, once for each text', () => {
    const errors = [
      thrown('no\nat once', '/top/a.test.ts'),
      thrown('no', '/top/a.test.ts'),
      thrown('\u001B[31mred\u001B[39m', '/top/a.test.ts'),
      thrown('yes', '/top/b.test.ts'),
    ].map((error) => outsideErrorOf(error, '/top'));
    const failed = result({ file: 'b.test.ts', failures: ['a ring: no'] });
    expect(withOutsideErrors([result({}), failed, result({ file: 'c.test.ts' })], errors)).toEqual({
      results: [
        result({ failures: ['an error outside of any test: no', 'an error outside of any test: red'] }),
        { ...failed, failures: ['a ring: no', 'an error outside of any test: yes'] },
        result({ file: 'c.test.ts' }),
      ],
      strays: [],
    });
  });

  it('is kept if its file is unknown or has no result', () => {
    const errors = [thrown('no'), 'a text', undefined, { code: 1 }, thrown({ a: 1 }, '/top/z.test.ts')];
    const expected = [
      'unknown file: an error outside of any test: no',
      'unknown file: an error outside of any test: a text',
      'unknown file: an error outside of any test: it has no message',
      'unknown file: an error outside of any test: it has no message',
      'z.test.ts: an error outside of any test: {"a":1}',
    ];
    expect(
      withOutsideErrors(
        [result({})],
        errors.map((error) => outsideErrorOf(error, '/top')),
      ),
    ).toEqual({ results: [result({})], strays: expected });
  });
});

describe('a file that failed', () => {
  const failures = ['a ring > is empty: expected 1 to be 0'];
  const failed = result({ file: 'b.test.ts', passed: 2, failures });
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
    const many = Array.from({ length: 21 }, (_, at) => result({ file: `${at}.ts`, failures }));
    expect(await runFailedAgain(many, never)).toEqual({ results: many, mended: [] });
  });
});
