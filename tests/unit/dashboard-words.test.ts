import { expect, it } from 'vitest';
import { timeTicks, valueTicks } from '../../gateway/dashboard/page/parts/scale.ts';
import { codeWords } from '../../gateway/dashboard/page/words/code-words.ts';
import { bytes, count, counted, duration, rate, share } from '../../gateway/dashboard/page/words/numbers.ts';
import { age, relative } from '../../gateway/dashboard/page/words/times.ts';

it.each([
  [null, '–'],
  [0, '0 ms'],
  [0.42, '0.4 ms'],
  [9.94, '9.9 ms'],
  [9.96, '10 ms'],
  [999.4, '999 ms'],
  [999.6, '1.0 s'],
  [59_949, '59.9 s'],
  [59_960, '1 min'],
  [184_000, '3 min 4 s'],
  [7_500_000, '2 h 5 min'],
  [90_000_000, '1 d 1 h'],
])('writes a duration of %s ms as %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

it('writes numbers with as many digits as they are read with', () => {
  expect([0, 0.01, 3.44, 11.7, 1204.2].map(rate)).toEqual(['0', '< 0.1', '3.4', '12', '1,204']);
  expect([640, 12_400, 86_000_000].map(bytes)).toEqual(['640 B', '12.4 kB', '86.0 MB']);
  expect([share(0.3344), count(1204), counted(1, 'request'), counted(2, 'request')]).toEqual([
    '33.4 %',
    '1,204',
    '1 request',
    '2 requests',
  ]);
});

it('says how long ago a time was, and how soon it will be', () => {
  const now = 1_800_000_000_000;
  expect(relative(now - 400, now)).toBe('just now');
  expect(relative(now - 12_000, now)).toBe('12 s ago');
  expect(relative(now + 300_000, now)).toBe('in 5 min');
  expect([89_000, 91_000, 5_400_000, 200_000_000].map(age)).toEqual(['89 s', '2 min', '2 h', '2 d']);
});

it('puts round values on the axes of charts, from 0 to above the highest', () => {
  expect(valueTicks(0, 3)).toEqual([0, 1]);
  expect(valueTicks(83, 3)).toEqual([0, 50, 100]);
  expect(valueTicks(1000, 3)).toEqual([0, 500, 1000, 1500]);
  expect(timeTicks(90_000, 330_000, 5)).toEqual([120_000, 180_000, 240_000, 300_000]);
});

it('explains the codes of problems, and the statuses of handlers', () => {
  expect(codeWords('outcome_unknown')?.cause).toContain('lost while it ran');
  expect(codeWords('http_503')?.cause).toBe('The handler or upstream answered 503.');
  expect(codeWords('toString')).toBeUndefined();
});
